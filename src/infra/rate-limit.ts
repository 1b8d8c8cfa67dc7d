/**
 * How often something may be done: the limits, and where each is counted.
 *
 *   general        100 a minute    by address: who is not signed in, or not known to be
 *   authenticated  200 a minute    by user: requests and new connections
 *   messages        50 a minute    by user: over HTTP and sockets together
 *   login            5 in 15 min   by account and address: attempts; a success clears them
 *   login-address   50 in 15 min   by address: failed attempts, whatever the account
 *   login-account   50 an hour     by account: failed attempts, wherever from
 *   sign-up         50 in 15 min   by address
 *   files         1000 a minute    by address, of signed-in users by user: the web client's files,
 *                                  attachments
 *   socket          60 a minute    by connection: events; in memory, for a connection has one
 *                                  instance
 *
 * All are fixed windows that begin with the first hit. They are counted in Redis, shared by all
 * instances, and in this process while Redis is away (rate-limit-store.ts, prompt-rate-store.ts).
 */
import { AppError } from '../errors.ts';
import type { RateLimitName } from '../protocol/limits.ts';
import type { Logger } from './logger.ts';
import { createPromptRateStore, type PromptRateStore } from './prompt-rate-store.ts';
import {
  createRateStore,
  type RateStore,
  type RateStoreDependencies,
  type Tally,
} from './rate-limit-store.ts';

const MINUTE_MS = 60_000;
/** Guesses from one address, and at one account, over attempts at one account from one address. */
const WIDER_LOGIN = 10;
/** A page of the web client is some twenty files, and a conversation may show fifty pictures. */
const WIDER_FILES = 10;
/** Refused events of a connection in one window, over those allowed, at which it is cut. */
const ABUSE = 1;

export interface Limit<S extends RateStore = RateStore> {
  name: RateLimitName;
  /** Hits in a window. */
  quota: number;
  windowMs: number;
  store: S;
}

/** Numbers are per window, scaled already. */
export interface RateLimitNumbers {
  general: number;
  authenticated: number;
  messages: number;
  login: number;
  socket: number;
}

export type RateLimits = ReturnType<typeof createRateLimits>;

export function createRateLimits(deps: {
  numbers: RateLimitNumbers;
  redis: RateStoreDependencies['redis'];
  /** Keeps deployments apart that share one Redis. */
  namespace: string;
  /** Told of each refusal. */
  count: (limit: RateLimitName) => void;
  log: Logger;
}) {
  const { numbers, redis, log } = deps;
  const storeOptions = (name: RateLimitName, windowMs: number): RateStoreDependencies => ({
    redis,
    prefix: `${deps.namespace}:limit:${name}:`,
    windowMs,
    log,
  });
  const limit = (name: RateLimitName, quota: number, windowMs: number): Limit => ({
    name,
    quota,
    windowMs,
    store: createRateStore(storeOptions(name, windowMs)),
  });
  /** For what is done so often that nobody should wait for it. */
  const promptLimit = (name: RateLimitName, quota: number): Limit<PromptRateStore> => ({
    name,
    quota,
    windowMs: MINUTE_MS,
    store: createPromptRateStore({ ...storeOptions(name, MINUTE_MS), quota }),
  });
  const messages = promptLimit('messages', numbers.messages);

  /** @throws AppError rate_limited when the hit is one too many. */
  function check(one: Pick<Limit, 'name' | 'quota'>, tally: Tally): void {
    if (tally.totalHits <= one.quota) return;
    deps.count(one.name);
    throw limited(one.name, tally.resetTime);
  }

  return {
    general: limit('general', numbers.general, MINUTE_MS),
    authenticated: promptLimit('authenticated', numbers.authenticated),
    login: limit('login', numbers.login, 15 * MINUTE_MS),
    loginAddress: limit('login-address', numbers.login * WIDER_LOGIN, 15 * MINUTE_MS),
    loginAccount: limit('login-account', numbers.login * WIDER_LOGIN, 60 * MINUTE_MS),
    signUp: limit('sign-up', numbers.login * WIDER_LOGIN, 15 * MINUTE_MS),
    files: limit('files', numbers.general * WIDER_FILES, MINUTE_MS),
    messages,
    check,
    /**
     * Counts a message; without waiting where that is possible.
     * @throws AppError rate_limited
     */
    message: (userId: string): void | Promise<void> => {
      const tally = messages.store.hit(userId);
      if (tally instanceof Promise) return tally.then((known) => check(messages, known));
      check(messages, tally);
    },
    /**
     * Counts the events of one connection.
     * @returns what each event has to call; it returns the refusal, if any, and whether the
     *   connection goes on all the same for so long that it should be cut.
     */
    connection: (): (() => { error: AppError; isAbuse: boolean } | undefined) => {
      let events = 0;
      let resetAt = 0;
      return () => {
        const now = Date.now();
        if (now >= resetAt) {
          events = 0;
          resetAt = now + MINUTE_MS;
        }
        events++;
        if (events <= numbers.socket) return undefined;
        deps.count('socket');
        const isAbuse = events > numbers.socket * (1 + ABUSE);
        return { error: limited('socket', new Date(resetAt)), isAbuse };
      };
    },
  };
}

const subjects: Record<RateLimitName, string> = {
  general: 'Too many requests from your address.',
  authenticated: 'Too many requests.',
  messages: 'You are sending messages too fast.',
  login: 'Too many attempts to log in.',
  'login-address': 'Too many attempts to log in from your address.',
  'login-account': 'Too many attempts to log in to this account.',
  'sign-up': 'Too many new accounts from your address.',
  files: 'Too many files were asked for.',
  socket: 'This connection sends too much.',
};

function limited(name: RateLimitName, resetTime: Date): AppError {
  const retryAfter = Math.max(1, Math.ceil((resetTime.getTime() - Date.now()) / 1_000));
  const detail = `${subjects[name]} Please try again in ${inWords(retryAfter)}.`;
  return new AppError('rate_limited', detail, { retryAfter });
}

function inWords(seconds: number): string {
  if (seconds === 1) return 'a second';
  if (seconds < 90) return `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
