/** The two levels by themselves, over the tests' Redis. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Cache, type CacheContext, createCache } from '../../src/infra/cache.ts';
import { createFreshness } from '../../src/infra/freshness.ts';
import { connectRedis, type RedisLink } from '../../src/infra/redis.ts';
import { eventually } from '../support/client.ts';
import { uniqueName } from '../support/server.ts';

let redis: RedisLink;
beforeAll(async () => {
  redis = await connectRedis(inject('redisUrl'), pino({ level: 'silent' }));
});
afterAll(() => redis.close());

/** One instance; those of one namespace share Redis, and hear each other's words. */
function instances(count: number, options: { words?: boolean; redis?: boolean } = {}) {
  const { words = true, redis: hasRedis = true } = options;
  const namespace = uniqueName('cache');
  const handlers: ((payload: never) => void)[] = [];
  return Array.from({ length: count }, (_, self) => {
    let trusted = true;
    const bus = {
      publish: (_topic: string, payload: unknown) => {
        for (const [index, handler] of handlers.entries()) {
          if (words && index !== self) handler(payload as never);
        }
      },
      on: (_topic: string, handler: (payload: never) => void) => {
        handlers.push(handler);
      },
      onGap: () => undefined,
    };
    const context: CacheContext = {
      enabled: true,
      freshness: createFreshness(bus as never, () => true),
      trusted: () => trusted,
      redis: hasRedis ? redis : undefined,
      namespace: () => namespace,
      figures: new Map(),
    };
    const cache: Cache<string> = createCache(context, {
      name: 'words',
      ttlMs: 60_000,
      maxSize: 100,
      tagOf: (key) => `word:${key}`,
    });
    const figures = () =>
      context.figures.get('words')?.() as NonNullable<
        ReturnType<NonNullable<ReturnType<typeof context.figures.get>>>
      >;
    const setTrusted = (now: boolean) => {
      trusted = now;
    };
    return { cache, figures, setTrusted };
  }) as [Instance, ...Instance[]];
}
interface Instance {
  cache: Cache<string>;
  figures: () => ReturnType<NonNullable<ReturnType<CacheContext['figures']['get']>>>;
  setTrusted: (now: boolean) => void;
}

/** A database of one value, whose readings can be held up. */
function source(value = 'first') {
  const state = { value, reads: 0, gate: Promise.resolve() };
  const load = async (): Promise<string> => {
    state.reads++;
    const read = state.value;
    await state.gate;
    return read;
  };
  const hold = (): (() => void) => {
    let release: () => void = () => undefined;
    state.gate = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  };
  return { state, load, hold };
}

describe('the cache', () => {
  it('reads once for all who ask at the same time, and then not at all', async () => {
    const [one] = instances(1);
    const { state, load } = source();
    const answers = await Promise.all(Array.from({ length: 20 }, () => one.cache.get('k', load)));
    expect(new Set(answers)).toEqual(new Set(['first']));
    expect(await one.cache.get('k', load)).toBe('first');
    expect(state.reads).toBe(1);
    expect(one.figures().process).toMatchObject({ hit: 1, entries: 1 });
  });

  it('does not let a late reading bring the old value back', async () => {
    const [one] = instances(1);
    const { state, load, hold } = source();
    const release = hold();
    const early = one.cache.get('k', load);
    await eventually(() => expect(state.reads).toBe(1));
    state.value = 'second';
    one.cache.changed('k');
    // Whoever asks after the change does not get what was read before it.
    const late = one.cache.get('k', load);
    release();
    expect(await early).toBe('first');
    expect(await late).toBe('second');
    expect(await one.cache.get('k', load)).toBe('second');
    expect(one.figures().process.stale_prevented).toBeGreaterThan(0);
  });

  it('takes over what a change says, and hands it to nobody who cannot know', async () => {
    const [one, two] = instances(2) as [Instance, Instance];
    const { state, load } = source();
    await one.cache.get('k', load);
    state.value = 'second';
    one.cache.changed('k', (before) => (before === undefined ? undefined : 'second'));
    expect(await one.cache.get('k', load)).toBe('second');
    expect(state.reads).toBe(1);
    expect(await two.cache.get('k', load)).toBe('second');
  });

  it('gives another instance what was read here, by Redis', async () => {
    const [one, two] = instances(2) as [Instance, Instance];
    const { state, load } = source();
    await one.cache.get('k', load);
    // Words of its beginning are older than the clocks may differ.
    await eventually(async () => {
      const [fresh] = [two];
      expect(await fresh.cache.get('k', load)).toBe('first');
      expect(fresh.figures().redis.hit + fresh.figures().process.hit).toBeGreaterThan(0);
    });
    expect(state.reads).toBeLessThanOrEqual(2);
  });

  it('uses no copy of Redis from before a change that was heard of', async () => {
    const [one, two] = instances(2) as [Instance, Instance];
    const { state, load } = source();
    await one.cache.get('k', load);
    state.value = 'second';
    one.cache.changed('k');
    expect(await two.cache.get('k', load)).toBe('second');
    expect(two.figures().redis.hit).toBe(0);
  });

  it('reads everything while changes are not heard of', async () => {
    const [one] = instances(1);
    const { state, load } = source();
    await one.cache.get('k', load);
    one.setTrusted(false);
    state.value = 'second';
    expect(await one.cache.get('k', load)).toBe('second');
    expect(await one.cache.get('k', load)).toBe('second');
    expect(state.reads).toBe(3);
  });

  it('drops a copy that does not say what was heard', async () => {
    const [one] = instances(1, { redis: false });
    const { state, load } = source();
    await one.cache.get('k', load);
    one.cache.heard('k', (value) => value === 'first');
    await one.cache.get('k', load);
    expect(state.reads).toBe(1);
    one.cache.heard('k', (value) => value === 'second');
    await one.cache.get('k', load);
    expect(state.reads).toBe(2);
  });

  it('asks for many at once, and only for those that it lacks', async () => {
    const [one] = instances(1, { redis: false });
    const asked: string[][] = [];
    const load = async (keys: string[]): Promise<Map<string, string>> => {
      asked.push(keys);
      return new Map(keys.filter((key) => key !== 'none').map((key) => [key, `value of ${key}`]));
    };
    await one.cache.getMany(['a', 'b', 'a'], load);
    const found = await one.cache.getMany(['a', 'b', 'c', 'none'], load);
    expect(asked).toEqual([
      ['a', 'b'],
      ['c', 'none'],
    ]);
    expect([...found.keys()].sort()).toEqual(['a', 'b', 'c']);
  });

  it('forgets a reading that failed', async () => {
    const [one] = instances(1, { redis: false });
    await expect(
      one.cache.get('k', async () => {
        throw new Error('no database');
      }),
    ).rejects.toThrow('no database');
    expect(await one.cache.get('k', async () => 'there')).toBe('there');
  });
});
