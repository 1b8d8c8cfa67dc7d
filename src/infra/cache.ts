/**
 * A cache of two levels: copies in this process before copies in Redis before the database.
 *
 * A copy is used while it is young and, where its cache has tags, current (freshness.ts). One
 * reading of a key is under way at a time; who asks joins it, unless something has changed since
 * it began. Redis is only ever a shortcut: what it does not answer in time is read from the
 * database, and what cannot be written to it is left out.
 */
import { LRUCache } from 'lru-cache';
import { CLOCK_MARGIN_MS, createFreshness, type Freshness } from './freshness.ts';
import type { RedisLink } from './redis.ts';

/** Copies on their way to Redis; more are left out. */
const WRITES_AT_ONCE = 200;

/** What became of the questions to one level of a cache, since the start. */
export interface TierCounts {
  hit: number;
  miss: number;
  /** A copy that was there, and out of date. */
  stale_prevented: number;
}
export interface CacheFigures {
  /** In this process. */
  process: TierCounts & { entries: number };
  redis: TierCounts;
}

export interface Cache<V> {
  /** Values by key, missing ones read together; keys without a value are absent. */
  getMany(
    keys: readonly string[],
    load: (keys: string[]) => Promise<Map<string, V>>,
  ): Promise<Map<string, V>>;
  get(key: string, load: () => Promise<V>): Promise<V>;
  /** Drops a copy in this process that does not say what was heard of its key. */
  heard(key: string, says: (value: V) => boolean): void;
  /**
   * Something about the key has changed. What it is now replaces the copy in this process where
   * that can be told: `next` gets the copy as it was, undefined where there is no current one.
   * @param options.told false: the other instances know already
   */
  changed(
    key: string,
    next?: (before: V | undefined) => V | undefined,
    options?: { told: boolean },
  ): void;
}

/** What all caches of an application share. */
export interface CacheContext {
  /** Without it everything is read from the database. */
  enabled: boolean;
  freshness: Freshness;
  /** Whether changes are heard of in time; if not, everything is read from the database. */
  trusted: () => boolean;
  redis: RedisLink | undefined;
  /** Keeps apart in Redis what must not be mixed; it may change. */
  namespace: () => string;
  /** Where the figures of each cache are collected, by name. */
  figures: Map<string, () => CacheFigures>;
}

/** What each level of each cache was asked since the start. */
export const cacheTotals = ({ figures }: CacheContext) =>
  [...figures].flatMap(([cache, read]) =>
    Object.entries(read()).map(([tier, { hit, miss, stale_prevented: stalePrevented }]) => ({
      ...{ cache, tier, hits: hit, misses: miss + stalePrevented, stalePrevented },
    })),
  );

/** Copies held in this process, by cache. */
export const cacheEntries = ({ figures }: CacheContext): Record<string, number> =>
  Object.fromEntries([...figures].map(([cache, read]) => [cache, read().process.entries]));

/** For a store outside an application: everything is read from the database. */
export const withoutCaches = (): CacheContext => ({
  enabled: false,
  freshness: createFreshness(
    { publish: () => undefined, on: () => undefined, onGap: () => undefined },
    () => false,
  ),
  trusted: () => false,
  redis: undefined,
  namespace: () => '',
  figures: new Map(),
});

interface Copy<V> {
  value: V;
  readAt: number;
}
/** In this process; with the text of its tag, which is looked for each time. */
interface HeldCopy<V> extends Copy<V> {
  tag: string | undefined;
}

/** @param V survives JSON.stringify and parse */
export function createCache<V>(
  context: CacheContext,
  options: {
    name: string;
    /** How long a copy is used at the most, in milliseconds. */
    ttlMs: number;
    /** Copies in this process are bounded by this, in what `sizeOf` counts. */
    maxSize: number;
    sizeOf?: (value: V) => number;
    /** Under what a key's changes are told; absent: the key names the state that it is of. */
    tagOf?: (key: string) => string;
    /** A value as JSON.parse gives it, made whole again. */
    revive?: (value: V) => V;
  },
): Cache<V> {
  const { freshness, redis } = context;
  const { name, ttlMs, tagOf, sizeOf = () => 1, revive = (value: V) => value } = options;
  const copies = new LRUCache<string, HeldCopy<V>>({
    maxSize: options.maxSize,
    ttl: ttlMs,
    sizeCalculation: ({ value }) => sizeOf(value),
  });
  const loading = new Map<string, { startedAt: number; value: Promise<V | undefined> }>();
  const counts = {
    process: { hit: 0, miss: 0, stale_prevented: 0 },
    redis: { hit: 0, miss: 0, stale_prevented: 0 },
  };
  let writes = 0;
  context.figures.set(name, () => ({
    process: { ...counts.process, entries: copies.size },
    redis: { ...counts.redis },
  }));

  const isTagCurrent = (tag: string | undefined, readAt: number): boolean =>
    tag === undefined || (context.trusted() && freshness.isCurrent(tag, readAt));
  const isCurrent = (key: string, readAt: number): boolean => isTagCurrent(tagOf?.(key), readAt);
  const hold = (key: string, value: V, readAt: number): unknown =>
    copies.set(key, { value, readAt, tag: tagOf?.(key) });
  const redisKey = (key: string): string => `${context.namespace()}:cache:${name}:${key}`;

  function copyOf(key: string): V | undefined {
    const copy = copies.get(key);
    if (copy === undefined) {
      counts.process.miss++;
      return undefined;
    }
    if (isTagCurrent(copy.tag, copy.readAt)) {
      counts.process.hit++;
      return copy.value;
    }
    counts.process.stale_prevented++;
    return undefined;
  }

  /** Of the keys those that Redis has a current copy of. */
  async function fromRedis(keys: string[], startedAt: number): Promise<Map<string, V>> {
    const found = new Map<string, V>();
    if (redis === undefined || !redis.available()) return found;
    if (tagOf !== undefined && !context.trusted()) return found;
    let texts: (string | null)[];
    try {
      texts = await redis.commands.mget(keys.map(redisKey));
    } catch (error) {
      redis.reportFailure(error);
      return found;
    }
    for (const [index, key] of keys.entries()) {
      const text = texts[index];
      const copy = text === undefined || text === null ? undefined : (JSON.parse(text) as Copy<V>);
      if (copy === undefined) counts.redis.miss++;
      else if (!isCurrent(key, copy.readAt - CLOCK_MARGIN_MS)) counts.redis.stale_prevented++;
      else {
        counts.redis.hit++;
        // Whatever is told from now on is told by this instance's clock.
        const value = revive(copy.value);
        hold(key, value, startedAt);
        found.set(key, value);
      }
    }
    return found;
  }

  function toRedis(values: Map<string, V>, readAt: number): void {
    if (redis === undefined || values.size === 0) return;
    if (!redis.available() || writes >= WRITES_AT_ONCE) return;
    writes++;
    const pipeline = redis.commands.pipeline();
    for (const [key, value] of values) {
      pipeline.set(redisKey(key), JSON.stringify({ readAt, value }), 'PX', ttlMs);
    }
    pipeline
      .exec()
      .catch((error: unknown) => redis.reportFailure(error))
      .finally(() => writes--);
  }

  async function read(
    keys: string[],
    startedAt: number,
    load: (keys: string[]) => Promise<Map<string, V>>,
  ): Promise<Map<string, V>> {
    const values = await fromRedis(keys, startedAt);
    const missing = keys.filter((key) => !values.has(key));
    if (missing.length === 0) return values;
    const readAt = freshness.now();
    const loaded = await load(missing);
    const kept = new Map<string, V>();
    for (const [key, value] of loaded) {
      values.set(key, value);
      if (isCurrent(key, readAt)) {
        kept.set(key, value);
        hold(key, value, readAt);
      } else counts.process.stale_prevented++;
    }
    toRedis(kept, readAt);
    return values;
  }

  async function getMany(
    keys: readonly string[],
    load: (keys: string[]) => Promise<Map<string, V>>,
  ): Promise<Map<string, V>> {
    if (!context.enabled) return load([...new Set(keys)]);
    const values = new Map<string, V>();
    const missing: string[] = [];
    for (const key of new Set(keys)) {
      const value = copyOf(key);
      if (value === undefined) missing.push(key);
      else values.set(key, value);
    }
    if (missing.length > 0) await readInto(values, missing, load);
    return values;
  }

  /** Joins readings that are under way, and begins one of the rest. */
  async function readInto(
    values: Map<string, V>,
    keys: string[],
    load: (keys: string[]) => Promise<Map<string, V>>,
  ): Promise<void> {
    const joined: [string, Promise<V | undefined>][] = [];
    const missing: string[] = [];
    for (const key of keys) {
      const underWay = loading.get(key);
      if (underWay !== undefined && isCurrent(key, underWay.startedAt)) {
        joined.push([key, underWay.value]);
      } else missing.push(key);
    }
    if (missing.length > 0) {
      const startedAt = freshness.now();
      const reading = read(missing, startedAt, load);
      for (const key of missing) {
        const value = reading.then((found) => found.get(key));
        const entry = { startedAt, value };
        loading.set(key, entry);
        joined.push([key, value]);
        const done = (): void => {
          if (loading.get(key) === entry) loading.delete(key);
        };
        value.then(done, done);
      }
    }
    for (const [key, promise] of joined) {
      const value = await promise;
      if (value !== undefined) values.set(key, value);
    }
  }

  return {
    getMany,
    get: async (key, load) => {
      if (!context.enabled) return load();
      const held = copyOf(key);
      if (held !== undefined) return held;
      const values = new Map<string, V>();
      await readInto(values, [key], async () => new Map([[key, await load()]]));
      // The loader gives a value or throws.
      return values.get(key) as V;
    },
    heard: (key, says) => {
      const copy = copies.peek(key);
      if (copy !== undefined && says(copy.value)) return;
      // Also when none is held: one may be on its way.
      if (tagOf !== undefined) freshness.changed(tagOf(key), false);
      copies.delete(key);
    },
    changed: (key, next = () => undefined, { told } = { told: true }) => {
      if (!context.enabled) return;
      const copy = copies.peek(key);
      const before = copy !== undefined && isCurrent(key, copy.readAt) ? copy.value : undefined;
      if (tagOf !== undefined) freshness.changed(tagOf(key), told);
      const value = next(before);
      if (value === undefined) copies.delete(key);
      else hold(key, value, freshness.now());
    },
  };
}
