/**
 * A store for express-rate-limit that counts in Redis, and in this process while Redis is away.
 *
 * Every hit waits for Redis, so the count is exact over all instances; but never longer than a
 * command may take (150 ms), and not at all while the breaker is open. What was counted here
 * meanwhile goes on counting here when Redis returns.
 *
 * Known limits: while Redis is away each instance counts for itself. Emptying Redis forgets. A
 * command that Redis carried out, but answered too late, counts twice: rather that than not at all.
 */
import type { Options, Store } from 'express-rate-limit';
import { type RedisReply, RedisStore } from 'rate-limit-redis';
import type { Logger } from './logger.ts';
import { createWindows, learn, type Window } from './rate-windows.ts';
import type { RedisLink } from './redis.ts';

/** Hits of a key in its present window, and when that ends. */
export interface Tally {
  totalHits: number;
  resetTime: Date;
}

/** What this process counts by. */
export interface RateStore extends Store {
  /** Counts one hit. Never throws. */
  increment(key: string): Promise<Tally>;
}

export interface RateStoreDependencies {
  /** undefined: in this process only. */
  redis: Pick<RedisLink, 'commands' | 'available' | 'reportFailure'> | undefined;
  /** Of the keys in Redis. */
  prefix: string;
  /** Milliseconds. */
  windowMs: number;
  log: Logger;
}

export const tallyOf = ({ known, missed, resetAt }: Window): Tally => ({
  totalHits: known + missed,
  resetTime: new Date(resetAt),
});

/** What Redis refuses is no reason to take it for dead: only waiting in vain is. */
export function noteFailure(deps: Pick<RateStoreDependencies, 'redis' | 'log'>, error: unknown) {
  const isRefusal = error instanceof Error && error.name === 'ReplyError';
  if (isRefusal) deps.log.warn({ err: error }, 'Redis refuses to count; counting in process');
  else deps.redis?.reportFailure(error);
}

export function createRateStore(deps: RateStoreDependencies): RateStore {
  const { redis, prefix, windowMs } = deps;
  const windows = createWindows(windowMs);
  let shared: RedisStore | undefined;

  /**
   * Anew after each failure: the library loads its scripts once, and one that could not load them
   * fails for ever.
   */
  function open({ commands }: Pick<RedisLink, 'commands'>): RedisStore {
    const store = new RedisStore({
      prefix,
      sendCommand: (command: string, ...args: string[]) =>
        commands.call(command, ...args) as Promise<RedisReply>,
    });
    // The library reads nothing else of the options.
    store.init({ windowMs } as Options).catch((error: unknown) => fail(store, error));
    return store;
  }

  function fail(store: RedisStore, error: unknown): void {
    noteFailure(deps, error);
    if (shared === store) shared = undefined;
  }

  /** undefined: Redis is away. */
  async function ask<T>(question: (store: RedisStore) => Promise<T>): Promise<T | undefined> {
    if (redis === undefined || !redis.available()) return undefined;
    shared ??= open(redis);
    const store = shared;
    try {
      return await question(store);
    } catch (error) {
      fail(store, error);
      return undefined;
    }
  }

  return {
    increment: async (key) => {
      const answer = await ask((store) => store.increment(key));
      const window = windows.of(key);
      if (answer === undefined) {
        window.missed++;
        return tallyOf(window);
      }
      const resetTime = answer.resetTime ?? new Date(Date.now() + windowMs);
      learn(window, answer.totalHits, resetTime.getTime());
      // Several may be on their way at once: each has its own place in the count.
      return { totalHits: answer.totalHits + window.missed, resetTime: new Date(window.resetAt) };
    },
    decrement: async (key) => {
      const window = windows.known(key);
      // A key that is not there any more would be made anew, and never end.
      if (window === undefined) return;
      if (window.missed > 0) window.missed--;
      else if (window.known > 0) {
        window.known--;
        await ask((store) => store.decrement(key));
      }
    },
    resetKey: async (key) => {
      windows.forget(key);
      await ask((store) => store.resetKey(key));
    },
  };
}
