/**
 * Redis, of which nothing durable depends: the application works without it.
 *
 * Connections are separate by use, because their needs contradict each other: a subscriber
 * waits for ever and re-subscribes, a command must fail within 150 ms. All users share one
 * breaker: a command out of time or a lost connection opens it, a successful probe closes it.
 */
import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from './logger.ts';

/** A request may be held up by 300 ms when Redis falls silent; this is a part of it. */
const COMMAND_MS = 150;
const PROBE_EVERY_MS = 100;
const PROBE_MS = 100;
const CONNECT_MS = 2_000;

export interface RedisLink {
  /** For commands and publishing: fails within 150 ms, never queues while disconnected. */
  commands: Redis;
  /** Where messages arrive; what to listen to is said by `subscribe` and `psubscribe`. */
  subscriber: Redis;
  /** Subscribes, and again whenever Redis comes back. Never throws, never waits. */
  subscribe(...channels: string[]): void;
  psubscribe(...patterns: string[]): void;
  /** Whether Redis answered lately. False means: take the way without Redis. */
  available(): boolean;
  /** Called on each change of `available`. */
  onChange(handler: (available: boolean) => void): void;
  /** Reports that something waited for Redis in vain; opens the breaker. */
  reportFailure(error: unknown): void;
  /** A further connection for Bull: blocking ones wait for ever, others keep the limits. */
  connectForQueue(kind: 'client' | 'subscriber' | 'bclient'): Redis;
  close(): Promise<void>;
}

/** Redis answers and refuses; the message says what to do. Programs end with exit code 78. */
export class RedisUnusableError extends Error {
  override name = 'RedisUnusableError';
}

/** Never gives up; between 50 and 250 ms from try to try, so that a return is soon noticed. */
const retryStrategy = (tries: number): number => Math.min(50 * tries, 250);

/** While Redis reads what it had stored, it is asked again so often; by default after up to 10 s. */
const LOADING_RETRY_MS = 200;

const patient: RedisOptions = {
  maxRetriesPerRequest: null,
  enableReadyCheck: false,
  retryStrategy,
  connectTimeout: CONNECT_MS,
  maxLoadingRetryTime: LOADING_RETRY_MS,
};
const impatient: RedisOptions = {
  maxRetriesPerRequest: 1,
  enableOfflineQueue: false,
  commandTimeout: COMMAND_MS,
  retryStrategy,
  connectTimeout: CONNECT_MS,
  maxLoadingRetryTime: LOADING_RETRY_MS,
};

/**
 * Connects. Resolves as soon as Redis answers, or after 2 s without it: the application
 * then starts, and picks Redis up when it comes.
 */
export async function connectRedis(url: string, log: Logger): Promise<RedisLink> {
  const open: Redis[] = [];
  const handlers: ((available: boolean) => void)[] = [];
  const subscriptions = { subscribe: new Set<string>(), psubscribe: new Set<string>() };
  let up = false;
  let closed = false;
  let lastError: Error | undefined;

  function connect(options: RedisOptions, use: string): Redis {
    const redis = new Redis(url, { ...options, connectionName: `parley-${use}` });
    // An 'error' event without listener would end the process.
    redis.on('error', (error: Error) => {
      lastError = error;
      log.debug({ err: error, use }, 'Redis connection error');
    });
    open.push(redis);
    return redis;
  }

  const commands = connect(impatient, 'commands');
  const subscriber = connect(patient, 'subscriber');

  function setUp(next: boolean, reason?: unknown): void {
    if (next === up) return;
    up = next;
    if (next) {
      log.info('Redis is available');
      // The client repeats by itself only what succeeded once.
      for (const kind of ['subscribe', 'psubscribe'] as const) hold(kind, []);
    } else {
      const text = reason instanceof Error ? reason.message : 'connection lost';
      log.warn({ reason: text }, 'Redis does not answer; going on without it until it returns');
    }
    for (const handler of handlers) handler(next);
  }

  function hold(kind: 'subscribe' | 'psubscribe', names: string[]): void {
    for (const name of names) subscriptions[kind].add(name);
    if (subscriptions[kind].size === 0) return;
    // While Redis is away it waits in the client, and is sent when Redis returns.
    subscriber[kind](...subscriptions[kind]).catch((error: Error) => {
      if (!closed) log.warn({ reason: error.message }, 'Redis takes no subscription');
    });
  }

  commands.on('close', () => setUp(false));
  async function probe(): Promise<void> {
    if (commands.status !== 'ready') return setUp(false);
    try {
      await answersInTime(commands.ping());
      setUp(subscriber.status === 'ready');
    } catch (error) {
      setUp(false, error);
    }
  }
  let probing = false;
  const timer = setInterval(() => {
    if (probing) return;
    probing = true;
    void probe().finally(() => {
      probing = false;
    });
  }, PROBE_EVERY_MS);

  await Promise.race([
    Promise.all([ready(commands), ready(subscriber)]).then(probe),
    new Promise((resolve) => setTimeout(resolve, CONNECT_MS).unref()),
  ]);
  if (!up) {
    const reason = lastError?.message ?? 'no answer';
    const address = new URL(url).host;
    if (/WRONGPASS|NOAUTH|NOPERM/.test(reason)) {
      await close();
      throw new RedisUnusableError(
        `Redis at ${address} refuses: ${reason}\nCheck the user and password in REDIS_URL, or set REDIS_URL=off.`,
      );
    }
    log.warn({ address, reason }, 'Redis cannot be reached; starting without it until it can');
  }

  async function close(): Promise<void> {
    closed = true;
    clearInterval(timer);
    up = false;
    for (const redis of open) redis.disconnect();
  }

  return {
    commands,
    subscriber,
    subscribe: (...channels) => hold('subscribe', channels),
    psubscribe: (...patterns) => hold('psubscribe', patterns),
    available: () => up,
    onChange: (handler) => handlers.push(handler),
    reportFailure: (error) => setUp(false, error),
    connectForQueue: (kind) => connect(kind === 'client' ? impatient : patient, `bull-${kind}`),
    close,
  };
}

/** After a busy moment the answer may lie there already, and only has to be read. */
async function answersInTime(answer: Promise<unknown>): Promise<void> {
  let answered = false;
  const done = answer.then(() => {
    answered = true;
  });
  const late = new Promise<void>((resolve) => setTimeout(() => setImmediate(resolve), PROBE_MS));
  await Promise.race([done, late]);
  done.catch(() => undefined);
  if (!answered) throw new Error(`no answer within ${PROBE_MS} ms`);
}

function ready(redis: Redis): Promise<void> {
  if (redis.status === 'ready') return Promise.resolve();
  return new Promise((resolve) => redis.once('ready', () => resolve()));
}

/**
 * What Bull needs of a Redis server and this one lacks, in words for the operator; empty
 * when all is well or the server does not tell.
 */
export async function redisShortcomings(redis: Redis): Promise<string[]> {
  const info = await redis.info().catch(() => '');
  const value = (name: string): string | undefined =>
    new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const found: string[] = [];
  const policy = value('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    found.push(`maxmemory-policy is ${policy}; the queue needs noeviction`);
  }
  if (value('aof_enabled') === '0') {
    found.push('append-only persistence is off; the queue wants appendonly yes');
  }
  return found;
}
