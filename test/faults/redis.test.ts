/** Redis that dies, hangs, is emptied, is full, or was never there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCluster } from '../../scripts/cluster/local-cluster.ts';
import { connect, listen, send, signUp } from '../support/client.ts';
import { expectAddsLittle, expectHolds, type FaultTimes, print } from './checker.ts';
import { until } from './fleet.ts';
import { isLong, openScene, type Scene, seconds, untilRedisIs } from './scene.ts';

/** How often the instances' logs tell that a queue failed them and they wrote themselves. */
const queueFailures = ({ cluster, dataDir }: Scene): number =>
  cluster.instances
    .map(({ name }) => readFileSync(join(dataDir, `${name}.log`), 'utf8'))
    .join()
    .split('the queue gave no result in time').length - 1;

/** How many jobs the queues of messages were given, since Redis has what it has. */
async function jobsGiven({ redis }: LocalCluster): Promise<number> {
  const client = new Redis(redis?.url ?? '');
  try {
    const keys = await client.keys('parley:*:bull:messages-*:id');
    const counts = await Promise.all(keys.map((key) => client.get(key)));
    return counts.reduce((sum, count) => sum + Number(count), 0);
  } finally {
    client.disconnect();
  }
}

interface Crossing {
  /** Sends a message across instances. @returns how long it took, also when nothing follows it */
  measure(): Promise<number>;
  close(): void;
}

/** Two people on two instances. They are there from the beginning: to sign up is work for all. */
async function openCrossing(cluster: LocalCluster): Promise<Crossing> {
  const [a, b] = cluster.instances;
  if (a === undefined || b === undefined) throw new Error('two instances are needed');
  const [ann, ben] = [await signUp(a.url), await signUp(b.url)];
  const [from, to] = [await connect(a.url, ann), await connect(b.url, ben)];
  const heard = listen(to, 'newMessage');
  return {
    measure: async () => {
      const began = performance.now();
      const message = await send(from, { to: ben.id }, 'the last before silence');
      await heard.until(({ _id }) => _id === message._id);
      return Math.round(performance.now() - began);
    },
    close: () => {
      from.disconnect();
      to.disconnect();
    },
  };
}

/**
 * How many people write how many messages a second where what is measured is time. Three
 * instances, a database and all clients share the machine: where they fill it, each waits for the
 * others, and the wait says nothing about the fault. The short form leaves room on a slow one.
 */
const timed = isLong ? { people: 100, rate: 100 } : { people: 40, rate: 40 };

describe('with Redis', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene();
  });
  afterAll(() => scene.close());

  it.each([
    { row: 3, how: 'killed', harm: (c: LocalCluster) => c.redis?.kill() },
    { row: 5, how: 'halted', harm: async (c: LocalCluster) => c.redis?.halt() },
  ])(
    'Redis $how for a while (row $row): holds, at most 300 ms slower, delivery goes on',
    async ({ how, harm }) => {
      const { cluster } = scene;
      // Without nginx and its connections in between: what is measured is the application.
      const fleet = await scene.fleet({
        urlOf: (index) => cluster.instances[index % 3]?.url ?? cluster.url,
        people: timed.people,
      });
      const crossing = await openCrossing(cluster);
      const stop = fleet.write(timed.rate);
      await delay(2_000);
      const rounds: FaultTimes[] = [];
      for (let round = 1; round <= 2; round++) {
        const calmFrom = performance.now();
        await delay(2_000);
        const harmedAt = performance.now();
        await harm(cluster);
        await untilRedisIs(cluster, 'down', 2_000);
        const crossedWithout = await crossing.measure();
        await delay(seconds(4, how === 'killed' ? 30 : 20) * 1_000);
        if (how === 'killed') await cluster.redis?.start();
        else cluster.redis?.go();
        const backAfter = await untilRedisIs(cluster, 'up', 5_000);
        const crossedBack = await crossing.measure();
        // Jobs are given again, and reach whoever takes them out.
        const failuresBefore = queueFailures(scene);
        const given = await jobsGiven(cluster);
        const usedAfter = await until('the queues to be used again', 5_000, async () => {
          return (await jobsGiven(cluster)) > given;
        });
        const crossedByQueue = await crossing.measure();
        const failures = queueFailures(scene) - failuresBefore;
        rounds.push({ calmFrom, harmedAt, until: performance.now() });
        print(`Redis ${how}`, { crossedWithout, backAfter, crossedBack, usedAfter });
        print(`Redis ${how}`, { crossedByQueue, failures });
        expect(failures).toBe(0);
        expect(crossedWithout).toBeLessThan(5_000);
        expect(backAfter + crossedBack).toBeLessThan(5_000);
      }
      crossing.close();
      await delay(1_000);
      stop();
      await expectHolds(`Redis ${how}`, cluster, fleet);
      expectAddsLittle(`Redis ${how}`, fleet, rounds);
    },
  );

  it('6. Redis emptied under load, and full: holds', async () => {
    const { cluster } = scene;
    const fleet = await scene.fleet();
    const stop = fleet.write(100);
    const redis = new Redis(cluster.redis?.url ?? '');
    try {
      let emptied = 0;
      // Often enough to meet jobs: one is in Redis for a few milliseconds only.
      for (const end = performance.now() + seconds(2, 20) * 1_000; performance.now() < end; ) {
        await redis.flushall();
        emptied++;
        await delay(10);
      }
      const afterEmptying = queueFailures(scene);
      print('Redis emptied', { times: emptied, queueFailures: afterEmptying });
      expect(afterEmptying).toBeGreaterThan(0);
      // Until the queue is tried again.
      await delay(2_500);
      await redis.config('SET', 'maxmemory', '1');
      await expect(redis.set('one more', 'does not fit')).rejects.toThrow('OOM');
      await delay(seconds(3, 20) * 1_000);
      await redis.config('SET', 'maxmemory', '0');
      const whenFull = queueFailures(scene) - afterEmptying;
      print('Redis full', { queueFailures: whenFull });
      expect(whenFull).toBeGreaterThan(0);
      await delay(1_000);
    } finally {
      redis.disconnect();
    }
    stop();
    await expectHolds('Redis emptied and full', cluster, fleet);
  });
});

describe('started without Redis', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene({ redis: 'later' });
  });
  afterAll(() => scene.close());

  it('4. it serves, and picks Redis up when it comes', async () => {
    const { cluster } = scene;
    await untilRedisIs(cluster, 'down');
    const fleet = await scene.fleet();
    const stop = fleet.write(100);
    await delay(2_000);
    await cluster.redis?.start();
    const pickedUpAfter = await untilRedisIs(cluster, 'up');
    const redis = new Redis(cluster.redis?.url ?? '');
    const allUsedAfter = await until('every queue to be used', 15_000, async () => {
      return (await redis.keys('parley:*:bull:messages-*:id')).length === 3;
    }).finally(() => redis.disconnect());
    stop();
    print('Redis came later', { pickedUpAfter, allUsedAfter });
    await expectHolds('Redis came later', cluster, fleet);
  });
});
