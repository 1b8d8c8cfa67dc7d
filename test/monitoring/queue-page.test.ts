/** Bull's page: who sees it, what it shows, and what becomes of it without Redis. */
import Bull from 'bull';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { call, eventually, type Person, signUp } from '../support/client.ts';
import { withDatabase } from '../support/database.ts';
import { type Network, openNetwork } from '../support/network.ts';
import {
  startTestCluster,
  startTestServer,
  type TestCluster,
  type TestServer,
} from '../support/server.ts';

const PAGE = '/admin/queues';
const QUEUES = '/admin/queues/api/queues';

interface Shown {
  queues: { name: string; jobs: { data: Record<string, unknown> }[] }[];
}

const idOf = async (url: string): Promise<string> =>
  (await call<{ instance: { id: string } }>(url, 'GET', '/health')).body.instance.id;

describe('the page of the queues', () => {
  let cluster: TestCluster;
  let admin: Person;
  let other: Person;
  beforeAll(async () => {
    cluster = await startTestCluster();
    admin = await signUp(cluster.a.url);
    other = await signUp(cluster.a.url);
  });
  afterAll(() => cluster.close());

  it.each([PAGE, QUEUES, `${PAGE}/static/images/logo.svg`])(
    'is for administrators only: %s',
    async (path) => {
      const { url } = cluster.a;
      expect((await call(url, 'GET', path)).status).toBe(401);
      expect((await call(url, 'GET', path, { as: other })).body).toMatchObject({
        status: 403,
        code: 'forbidden',
      });
      // On a busy machine Redis may answer too late for one of them.
      await eventually(async () =>
        expect((await call(url, 'GET', path, { as: admin })).status).toBe(200),
      );
    },
  );

  it('takes no token in the address', async () => {
    const { status } = await call(cluster.a.url, 'GET', `${PAGE}?token=${admin.token}`);
    expect(status).toBe(401);
  });

  it('refers to no other server and keeps the policy of every page', async () => {
    const { body, headers } = await call<string>(cluster.a.url, 'GET', PAGE, { as: admin });
    expect(body).toContain('<div id="root"></div>');
    expect(body).not.toMatch(/https?:/);
    expect(body).not.toContain('style=');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("style-src 'self'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toContain('unsafe-inline');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('shows the queues of every instance, also of one that came later', async () => {
    const names = async () =>
      (await call<Shown>(cluster.a.url, 'GET', QUEUES, { as: admin })).body.queues
        .map(({ name }) => name)
        .sort();
    const namesOf = async ({ url }: TestServer) => {
      const id = await idOf(url);
      return ['images', 'messages', 'search'].map((kind) => `${kind}-${id}`);
    };
    const both = [...(await namesOf(cluster.a)), ...(await namesOf(cluster.b))];
    await expect.poll(names).toEqual(both.toSorted());
    const { database } = cluster;
    const third = await startTestServer({ database, dataDir: cluster.a.config.dataDir });
    try {
      const all = [...both, ...(await namesOf(third))].sort();
      await expect.poll(names).toEqual(all);
    } finally {
      await third.close();
    }
    await expect.poll(names).toEqual(both.toSorted());
  });

  it('shows no texts, and changes nothing', async () => {
    const { url } = cluster.a;
    const deployment = await withDatabase(cluster.database, (db) =>
      db.collection<{ _id: string; value: string }>('deployment').findOne({ _id: 'id' }),
    );
    const name = `messages-${await idOf(url)}`;
    const prefix = `parley:${deployment?.value}:bull`;
    const queue = new Bull(name, inject('redisUrl'), { prefix });
    try {
      const drafts = [{ text: 'nobody else reads this' }, { text: 'nor this' }];
      const data = { batchId: 'a-batch', originId: 'somebody', deadline: 0, drafts };
      const job = await queue.add(data, { delay: 600_000 });
      const path = `${QUEUES}?activeQueue=${name}&status=delayed`;
      const { body } = await call<Shown>(url, 'GET', path, { as: admin });
      const shown = body.queues.find((one) => one.name === name)?.jobs[0]?.data;
      expect(shown).toEqual({ ...data, drafts: '2, not shown' });
      const one = await call(url, 'GET', `${QUEUES}/${name}/${job.id}`, { as: admin });
      expect(one.status).toBe(200);
      expect(JSON.stringify(one.body)).not.toContain('nobody else');

      for (const [method, action] of [
        ['PUT', `${name}/empty`],
        ['PUT', `${name}/pause`],
        ['PUT', 'pause'],
        ['PUT', `${name}/${job.id}/clean`],
        ['POST', `${name}/add`],
      ]) {
        const refused = await call(url, method ?? '', `${QUEUES}/${action}`, { as: admin });
        expect(refused.body).toMatchObject({ status: 403, code: 'forbidden' });
      }
      expect(await queue.getDelayedCount()).toBe(1);
      expect(await queue.isPaused()).toBe(false);
      await job.remove();
    } finally {
      await queue.close();
    }
  });
});

describe('the page of the queues without Redis', () => {
  const asBrowser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

  it('says so where there is none', async () => {
    const server = await startTestServer({ redisUrl: 'off' });
    try {
      const admin = await signUp(server.url);
      const answer = await call(server.url, 'GET', QUEUES, { as: admin });
      expect(answer.body).toMatchObject({
        status: 404,
        detail: expect.stringContaining('without Redis'),
      });
      const page = await call<string>(server.url, 'GET', PAGE, { as: admin, headers: asBrowser });
      expect(page.status).toBe(404);
      expect(page.body).toMatch(/^<!DOCTYPE html>.*without Redis/);
      expect(page.body).not.toContain('http-equiv');
    } finally {
      await server.close();
    }
  });

  it.each(['cut', 'swallow'] as const)('answers soon while it is away: %s', async (how) => {
    const network: Network = await openNetwork(inject('redisUrl').replace('redis:', 'http:'));
    const server = await startTestServer({ redisUrl: network.url.replace('http:', 'redis:') });
    try {
      const admin = await signUp(server.url);
      const ask = () => call(server.url, 'GET', QUEUES, { as: admin });
      // On a busy machine Redis may answer too late at first.
      await eventually(async () => expect((await ask()).status).toBe(200));
      network[how]();
      const began = performance.now();
      expect((await ask()).status).toBeGreaterThanOrEqual(500);
      expect(performance.now() - began).toBeLessThan(4_000);
      await expect
        .poll(async () => (await ask()).body)
        .toMatchObject({
          status: 503,
          code: 'unavailable',
          detail: expect.stringContaining('Redis does not answer'),
        });
      const page = await call<string>(server.url, 'GET', PAGE, { as: admin, headers: asBrowser });
      expect(page.status).toBe(503);
      expect(page.body).toContain('<meta http-equiv="refresh"');
      if (how === 'cut') {
        network.restore();
        await expect.poll(async () => (await ask()).status, { timeout: 10_000 }).toBe(200);
      }
    } finally {
      await server.close();
      await network.close();
    }
  });
});
