/**
 * bcrypt in worker threads: one hash at cost 10 takes about 60 ms of a core, which the event
 * loop does not have. The queue is bounded, so a storm of logins is refused, not piled up.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { AppError } from '../errors.ts';

export interface PasswordPool {
  hash(password: string): Promise<string>;
  /** Takes the same time for `hash` undefined (no such account), and is then false. */
  matches(password: string, hash: string | undefined): Promise<boolean>;
  close(): Promise<void>;
}

/** Hashes waiting per thread: about 4 s of work at cost 10. */
const WAITING_PER_THREAD = 64;

/** @param cost bcrypt's; each step doubles the time. */
export async function createPasswordPool(cost: number): Promise<PasswordPool> {
  const filename = fileURLToPath(new URL('./password-worker.mjs', import.meta.url));
  const threads = Math.max(1, availableParallelism() - 1);
  const pool = new Piscina({
    filename,
    // Not the loader flags of the process itself: the worker is plain JavaScript.
    execArgv: [],
    minThreads: 1,
    maxThreads: threads,
    maxQueue: threads * WAITING_PER_THREAD,
  });
  // Compared with when there is no account, so that its absence cannot be told from the time.
  const decoy = (await pool.run({ password: 'decoy', cost }, { name: 'hash' })) as string;

  function run(task: Record<string, unknown>, name: 'hash' | 'compare'): Promise<unknown> {
    if (pool.queueSize >= threads * WAITING_PER_THREAD) {
      throw new AppError('unavailable', 'Too many people sign in at the moment.', {
        retryAfter: 2,
      });
    }
    return pool.run(task, { name });
  }

  return {
    hash: async (password) => (await run({ password, cost }, 'hash')) as string,
    matches: async (password, hash) => {
      const equal = await run({ password, hash: hash ?? decoy }, 'compare');
      return hash !== undefined && equal === true;
    },
    close: () => pool.destroy(),
  };
}
