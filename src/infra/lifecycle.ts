/**
 * Closing in the reverse order of opening. Every resource pushes its closer when it is
 * opened, so the order of shutdown follows from the order of construction in app.ts.
 */
import type { Logger } from './logger.ts';

export interface Lifecycle {
  /** Registers a closer; the last one registered runs first. */
  onClose(name: string, close: () => Promise<void> | void): void;
  /** Runs all closers once; later calls wait for the first. Never throws: failures are logged. */
  close(): Promise<void>;
}

/** Longest that one closer may take before the next one has its turn, in milliseconds. */
const CLOSER_LIMIT_MS = 10_000;

export function createLifecycle(log: Logger): Lifecycle {
  const closers: { name: string; close: () => Promise<void> | void }[] = [];
  let closing: Promise<void> | undefined;

  async function closeAll(): Promise<void> {
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) {
      const { name, close } = next;
      try {
        await withLimit(Promise.resolve(close()), CLOSER_LIMIT_MS, `closing ${name}`);
      } catch (error) {
        log.error({ err: error, resource: name }, 'could not be closed; going on with the rest');
      }
    }
  }

  return {
    onClose: (name, close) => closers.push({ name, close }),
    close: () => {
      closing ??= closeAll();
      return closing;
    },
  };
}

/** An operation took longer than it may. */
export class TimeLimitError extends Error {
  override name = 'TimeLimitError';
}

/**
 * Waits for `work`, at most `ms` milliseconds. The work itself goes on; its late failure
 * is not unhandled.
 * @throws TimeLimitError naming `what`, or whatever the work throws.
 */
export function withLimit<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new TimeLimitError(`${what} took longer than ${ms} ms`)),
      ms,
    );
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
