/** The long run: 500 clients, 200 messages a second, an instance killed every 20 s for 3 minutes. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { expectAddsLittle, expectHolds, type FaultTimes } from './checker.ts';
import { isLong, openScene, type Scene, untilRedisIs } from './scene.ts';

describe.runIf(isLong)('500 clients, 200 messages a second', { timeout: 400_000 }, () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene();
  });
  afterAll(() => scene.close());

  // Half of them over HTTP: all clients run in this one process, beside everything else.
  const size = { people: 500, groups: 20, isHttp: (index: number) => index % 2 === 1 };

  it('an instance killed every 20 s for 3 minutes: holds', async () => {
    const { cluster } = scene;
    const fleet = await scene.fleet(size);
    const stop = fleet.write(200);
    for (let time = 0; time < 9; time++) {
      const instance = cluster.instances[time % cluster.instances.length];
      await delay(15_000);
      await instance?.kill();
      await delay(5_000);
      await instance?.start();
    }
    stop();
    await expectHolds('9 instances killed in 3 minutes', cluster, fleet);
  });

  it('Redis killed under that load: at most 300 ms slower, the last message reaches everyone', async () => {
    const { cluster } = scene;
    // Without nginx in between: what is measured is the application.
    const urlOf = (index: number) =>
      cluster.instances[index % cluster.instances.length]?.url ?? cluster.url;
    const fleet = await scene.fleet({ ...size, urlOf });
    const rounds: FaultTimes[] = [];
    for (let round = 1; round <= 2; round++) {
      const stop = fleet.write(200);
      await delay(2_000);
      const calmFrom = performance.now();
      await delay(10_000);
      const harmedAt = performance.now();
      await cluster.redis?.kill();
      await untilRedisIs(cluster, 'down');
      await delay(10_000);
      stop();
      rounds.push({ calmFrom, harmedAt, until: performance.now() });
      // Nothing follows, and Redis is still away.
      await expectHolds('Redis killed, then silence', cluster, fleet);
      await cluster.redis?.start();
      await untilRedisIs(cluster, 'up');
    }
    expectAddsLittle('Redis killed', fleet, rounds);
  });
});
