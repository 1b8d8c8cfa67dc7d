/** The stores alone, on a real Redis, at moments that no request can be made to meet. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPromptRateStore } from '../../src/infra/prompt-rate-store.ts';
import { createRateStore, type Tally } from '../../src/infra/rate-limit-store.ts';
import { createWindows } from '../../src/infra/rate-windows.ts';
import { connectRedis, type RedisLink } from '../../src/infra/redis.ts';
import { eventually } from '../support/client.ts';
import { uniqueName } from '../support/names.ts';
import { type OwnRedis, startOwnRedis } from './instances.ts';

const log = pino({ level: 'silent' });
const windowMs = 60_000;
let redis: OwnRedis;
let link: RedisLink;
beforeAll(async () => {
  redis = await startOwnRedis();
  link = await connectRedis(redis.url, log);
});
afterAll(async () => {
  await link.close();
  await redis.close();
});

/** The same Redis, with a breaker that the test moves. */
function setup() {
  const failures: unknown[] = [];
  const state = { isUp: true };
  const deps = {
    redis: {
      commands: link.commands,
      available: () => state.isUp,
      reportFailure: (error: unknown) => failures.push(error),
    },
    prefix: `${uniqueName('limit')}:`,
    windowMs,
    log,
  };
  return { deps, failures, state };
}
beforeEach(() => eventually(() => expect(link.available()).toBe(true)));

describe('the store of requests', () => {
  it('counts in Redis as soon as that answers, though its scripts could not be loaded at first', async () => {
    const { deps, failures } = setup();
    const store = createRateStore(deps);
    redis.halt();
    const began = performance.now();
    expect((await store.increment('key')).totalHits).toBe(1);
    expect(performance.now() - began).toBeLessThan(300);
    // So that everybody else knows, too.
    expect(failures.length).toBeGreaterThan(0);
    redis.go();
    await eventually(async () => {
      await store.increment('key');
      expect(await redis.command('EXISTS', `${deps.prefix}key`)).toBe(1);
    });
  });

  it('gives back in Redis what is there, and makes no key that never ends', async () => {
    const { deps } = setup();
    const store = createRateStore(deps);
    await store.increment('key');
    await store.increment('key');
    await store.decrement('key');
    expect((await store.increment('key')).totalHits).toBe(2);
    await store.decrement('never counted');
    expect(await redis.command('EXISTS', `${deps.prefix}never counted`)).toBe(0);
  });

  it('goes on counting here when Redis refuses, and does not take it for dead', async () => {
    const { deps, failures } = setup();
    const store = createRateStore(deps);
    await redis.command('LPUSH', `${deps.prefix}key`, 'no number');
    await redis.command('PEXPIRE', `${deps.prefix}key`, '60000');
    for (const count of [1, 2, 3]) expect((await store.increment('key')).totalHits).toBe(count);
    expect(failures).toEqual([]);
  });
});

describe('the store of messages', () => {
  const order = (hits: (Tally | Promise<Tally>)[]) => {
    const done: number[] = [];
    hits.forEach((hit, index) => {
      if (hit instanceof Promise) void hit.then(() => done.push(index));
      else done.push(index);
    });
    return done;
  };

  it('passes what is known to be few at once, and tells Redis behind it', async () => {
    const { deps } = setup();
    const store = createPromptRateStore({ ...deps, quota: 50 });
    expect(store.hit('key')).toMatchObject({ totalHits: 1 });
    await eventually(async () => expect(await redis.command('GET', `${deps.prefix}key`)).toBe('1'));
    expect(Number(await redis.command('PTTL', `${deps.prefix}key`))).toBeGreaterThan(0);
  });

  it('answers hits of one key in their order when the breaker opens among them', async () => {
    const { deps, state } = setup();
    const store = createPromptRateStore({ ...deps, quota: 50 });
    redis.halt();
    const hits = [store.hit('key'), store.hit('key')];
    expect(hits[1]).toBeInstanceOf(Promise);
    await nextTurn();
    state.isUp = false;
    hits.push(store.hit('key'), store.hit('key'));
    const done = order(hits);
    const tallies = await Promise.all(hits);
    redis.go();
    expect(done).toEqual([0, 1, 2, 3]);
    expect(tallies.map(({ totalHits }) => totalHits)).toEqual([1, 2, 3, 4]);
    // Then there is nothing to wait for any more.
    expect(store.hit('key')).toMatchObject({ totalHits: 5 });
  });

  it('lets none pass one that waits, also when there would be room again', async () => {
    const { deps } = setup();
    // Four may be unconfirmed.
    const store = createPromptRateStore({ ...deps, quota: 200 });
    const first = Array.from({ length: 5 }, () => store.hit('key'));
    expect(first.map((hit) => hit instanceof Promise)).toEqual([false, false, false, false, true]);
    await nextTurn();
    const sixth = store.hit('key');
    expect(sixth).toBeInstanceOf(Promise);
    await first[4];
    expect(store.hit('key')).toBeInstanceOf(Promise);
    expect((await sixth).totalHits).toBe(6);
  });

  it('counts thousands of keys at once, each by itself', async () => {
    const { deps } = setup();
    const store = createPromptRateStore({ ...deps, quota: 2 });
    const keys = Array.from({ length: 1_200 }, (_, index) => `key ${index}`);
    const hits = await Promise.all(keys.flatMap((key) => [store.hit(key), store.hit(key)]));
    expect(hits.filter(({ totalHits }) => totalHits === 1)).toHaveLength(keys.length);
    expect(hits.filter(({ totalHits }) => totalHits === 2)).toHaveLength(keys.length);
    for (const key of keys.slice(0, 20)) expect(store.hit(key)).toMatchObject({ totalHits: 3 });
  });
});

describe('windows in process', () => {
  it('end, and are no more than they may be', async () => {
    const windows = createWindows(20, 3);
    windows.of('first').missed = 5;
    for (const key of ['second', 'third', 'fourth']) windows.of(key);
    expect(windows.known('first')).toBeUndefined();
    windows.of('fourth').missed = 7;
    expect(windows.known('fourth')?.missed).toBe(7);
    await eventually(() => expect(windows.known('fourth')).toBeUndefined());
    expect(windows.of('fourth').missed).toBe(0);
  });
});
