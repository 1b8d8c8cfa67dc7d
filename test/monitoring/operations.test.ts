/** What administrators see of all instances. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationsInstance, OperationsSnapshot } from '../../src/protocol/types.ts';
import { call, connect, type Person, send, signUp } from '../support/client.ts';
import { startTestCluster, startTestServer, type TestCluster } from '../support/server.ts';

const read = async (url: string, as: Person, since?: string): Promise<OperationsSnapshot> => {
  const query = since === undefined ? '' : `?since=${encodeURIComponent(since)}`;
  return (await call<OperationsSnapshot>(url, 'GET', `/api/admin/operations${query}`, { as })).body;
};
const idOf = async (url: string): Promise<string> =>
  (await call<{ instance: { id: string } }>(url, 'GET', '/health')).body.instance.id;
const named = (snapshot: OperationsSnapshot, id: string): OperationsInstance | undefined =>
  snapshot.instances.find((one) => one.id === id);
const patience = { timeout: 10_000 };

describe.each([{ redis: 'with Redis' }, { redis: 'without Redis' }])('operations $redis', (one) => {
  const isOff = one.redis === 'without Redis';
  let cluster: TestCluster;
  let admin: Person;
  beforeAll(async () => {
    cluster = await startTestCluster(isOff ? { redisUrl: 'off' } : {});
    admin = await signUp(cluster.a.url);
  });
  afterAll(() => cluster.close());

  it('show every instance, whichever one is asked', async () => {
    const ids = [await idOf(cluster.a.url), await idOf(cluster.b.url)];
    for (const [index, { url }] of cluster.servers.entries()) {
      await expect
        .poll(async () => {
          const { instances } = await read(url, admin);
          return instances.filter(({ samples }) => samples.length > 0).map(({ id }) => id);
        }, patience)
        .toEqual(expect.arrayContaining(ids));
      const snapshot = await read(url, admin);
      expect(snapshot.instanceId).toBe(ids[index]);
      expect(snapshot.instances).toHaveLength(2);
      for (const { live, samples, version, pid } of snapshot.instances) {
        expect(live).toBe(true);
        expect(pid).toBe(process.pid);
        expect(version).toMatch(/^\d/);
        expect(samples.at(-1)).toMatchObject({
          mongodb: { status: 'up', pool: { max: 50 } },
          redis: isOff ? 'off' : 'up',
          queue: isOff ? null : expect.objectContaining({ active: 0, waiting: 0 }),
        });
        expect(samples.at(-1)?.memory.rss).toBeGreaterThan(1e6);
      }
    }
  });

  it('count what happened, where it happened', async () => {
    const { a, b } = cluster;
    const ben = await signUp(a.url);
    const socket = await connect(a.url, admin);
    const { now } = await read(a.url, admin);
    for (let count = 0; count < 6; count++) await send(socket, { to: ben.id }, `${count}`);
    const own = await idOf(a.url);
    const total = async () => {
      const { instances } = await read(b.url, admin, now);
      const sum = (pick: (sample: OperationsInstance['samples'][number]) => number) => {
        const samples = instances.flatMap((instance) => instance.samples);
        return Math.round(samples.reduce((all, sample) => all + pick(sample) * sample.seconds, 0));
      };
      const connections = named(await read(b.url, admin), own)?.samples.at(-1)?.connections;
      return [sum(({ messages }) => messages), sum(({ events }) => events.perSecond), connections];
    };
    await expect.poll(total, patience).toEqual([6, 6, 1]);
    const samples = named(await read(b.url, admin, now), own)?.samples ?? [];
    const busy = samples.find(({ events }) => events.perSecond > 0);
    expect(busy?.events.p99).toBeGreaterThan(0);
    socket.disconnect();
  });

  it('give only what is newer than was asked for', async () => {
    const { url } = cluster.a;
    const own = await idOf(url);
    const known = named(await read(url, admin), own)?.samples ?? [];
    const last = known.at(-1)?.at ?? '';
    await expect
      .poll(async () => named(await read(url, admin, last), own)?.samples.length, patience)
      .toBe(1);
    const newer = named(await read(url, admin, last), own)?.samples[0];
    expect(Date.parse(newer?.at ?? '')).toBeGreaterThan(Date.parse(last));
    const refused = await call(url, 'GET', '/api/admin/operations?since=yesterday', { as: admin });
    expect(refused.status).toBe(400);
  });
});

describe('an instance that stops', () => {
  it('stays to be seen, as one that is gone', async () => {
    const cluster = await startTestCluster();
    const extra = await startTestServer({
      database: cluster.database,
      dataDir: cluster.a.config.dataDir,
    });
    try {
      const admin = await signUp(cluster.a.url);
      const id = await idOf(extra.url);
      const seen = async () => {
        const one = named(await read(cluster.a.url, admin), id);
        return one && [one.live, one.samples.length > 0];
      };
      await expect.poll(seen, patience).toEqual([true, true]);
      await extra.close();
      await expect.poll(seen, patience).toEqual([false, true]);
    } finally {
      await extra.close();
      await cluster.close();
    }
  });
});
