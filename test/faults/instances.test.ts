/** Instances that die, hang and restart; many writers at once. */
import { once } from 'node:events';
import { connect as connectTo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Instance } from '../../scripts/cluster/local-cluster.ts';
import { call, connect, emit, listen, type Person, signUp } from '../support/client.ts';
import { uniqueName } from '../support/server.ts';
import { expectHolds, print, readMessages } from './checker.ts';
import { until } from './fleet.ts';
import { type Health, openScene, type Scene, seconds, untilAcquainted } from './scene.ts';

describe('with three instances', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene();
  });
  afterAll(() => scene.close());

  it('1. one instance killed, again and again: holds, clients whole within 5 s', async () => {
    const { cluster } = scene;
    const fleet = await scene.fleet();
    const stop = fleet.write(100);
    let kills = 0;
    for (let round = 1; round <= seconds(1, 3); round++) {
      for (const instance of cluster.instances) {
        await delay(1_500);
        await instance.kill();
        kills++;
        await delay(1_500);
        await instance.start();
      }
    }
    stop();
    await expectHolds(`${kills} instances killed`, cluster, fleet);
  });

  it('2. all instances killed at once: holds, and their queues are removed', async () => {
    const { cluster } = scene;
    const fleet = await scene.fleet();
    const stop = fleet.write(100);
    await delay(1_500);
    const redis = new Redis(cluster.redis?.url ?? '');
    try {
      const dead = await idsOf(cluster.instances);
      // One that hangs first, so that it leaves jobs behind; Redis hands them to it all the same.
      cluster.instances[0]?.halt();
      let jobs = 0;
      await until('jobs that it does not do', 5_000, async () => {
        const [key] = await redis.keys(`parley:*:bull:messages-${dead[0]}:active`);
        jobs = key === undefined ? 0 : await redis.llen(key);
        return jobs > 0;
      });
      await Promise.all(cluster.instances.map((instance) => instance.kill()));
      await delay(1_000);
      await Promise.all(cluster.instances.map((instance) => instance.start()));
      const alive = await idsOf(cluster.instances);
      const [left = ''] = await queueKeys(redis);
      const marks = alive.map((id) => left.replace(/messages-.*/, `messages-${id}:mark`));
      await Promise.all(marks.map((mark) => redis.set(mark, 'of a living one')));
      await delay(1_500);
      stop();
      await expectHolds('all instances killed', cluster, fleet);
      const removedAfter = await until('only the living to have queues', 30_000, async () =>
        (await queueKeys(redis)).every((key) => alive.some((id) => key.includes(`-${id}:`))),
      );
      print('all instances killed', { jobsLeft: jobs, removedAfter });
      expect(await redis.exists(...marks)).toBe(alive.length);
    } finally {
      redis.disconnect();
    }
  });

  it('an instance that hangs and comes back: holds, nothing appears out of order', async () => {
    const { cluster } = scene;
    const fleet = await scene.fleet();
    const stop = fleet.write(100);
    await delay(1_000);
    cluster.instances[0]?.halt();
    await delay(seconds(6, 20) * 1_000);
    cluster.instances[0]?.go();
    await delay(1_500);
    stop();
    await expectHolds('an instance halted', cluster, fleet);
    await untilAcquainted(cluster);
  });

  it('an instance that dies takes its users offline within 10 s, and nobody else', async () => {
    const { cluster } = scene;
    const [a, b] = cluster.instances;
    if (a === undefined || b === undefined) throw new Error('two instances are needed');
    const [there, here, watcher] = [await signUp(a.url), await signUp(b.url), await signUp(b.url)];
    const [onA, onB] = [await connect(a.url, there), await connect(b.url, here)];
    const watching = await connect(b.url, watcher);
    const heard = listen(watching, 'presence');
    await emit(watching, 'watchPresence', { userIds: [there.id, here.id] });
    await heard.until((states) =>
      states.some(({ userId, online }) => userId === there.id && online),
    );
    const began = performance.now();
    await a.kill();
    await heard.until((states) => states.some((one) => one.userId === there.id && !one.online));
    const took = Math.round(performance.now() - began);
    const wrongly = heard.heard
      .flat()
      .filter(({ userId, online }) => userId === here.id && !online);
    print('an instance killed', { offlineAfterMs: took, wronglyOffline: wrongly.length });
    expect(took).toBeLessThan(10_000);
    expect(wrongly).toEqual([]);
    for (const socket of [onA, onB, watching]) socket.disconnect();
    await a.start();
    await untilAcquainted(cluster);
  });

  it('14. the same clientId 50 times at once over all instances: one message, one answer', async () => {
    const { cluster } = scene;
    const [ann, ben] = [await signUp(cluster.url), await signUp(cluster.url)];
    const body = { text: 'once', clientId: uniqueName('client') };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => {
        const { url } = cluster.instances[index % 3] ?? { url: cluster.url };
        return call(url, 'POST', `/api/messages/send/${ben.id}`, { as: ann, body });
      }),
    );
    const created = answers.filter(({ status }) => status === 201).length;
    const repeated = answers.filter(({ status }) => status === 200).length;
    print('50 times the same', { created, repeated });
    expect(created + repeated).toBe(50);
    expect(created).toBeGreaterThan(0);
    expect(new Set(answers.map((answer) => JSON.stringify(answer.body))).size).toBe(1);
    const id = [ann.id, ben.id].sort().join('-');
    const stored = await readMessages(cluster.mongodb.url, [id]);
    expect(stored.get(id)).toHaveLength(1);
  });

  it('15. 100 sends without waiting on one socket: their order is kept', async () => {
    const { cluster } = scene;
    const [ann, ben] = [await signUp(cluster.url), await signUp(cluster.url)];
    const socket = await connect(cluster.url, ann);
    const texts = Array.from({ length: 100 }, (_, index) => `#${index + 1} without waiting`);
    const answers = await Promise.all(
      texts.map((text) =>
        emit(socket, 'sendMessage', { to: ben.id, text, clientId: uniqueName('client') }),
      ),
    );
    expect(answers.filter(({ ok }) => !ok)).toEqual([]);
    const id = [ann.id, ben.id].sort().join('-');
    const stored = (await readMessages(cluster.mongodb.url, [id])).get(id) ?? [];
    expect(stored.map(({ text }) => text)).toEqual(texts);
    expect(stored.map(({ seq }) => seq)).toEqual(texts.map((_, index) => index + 1));
    print('100 sends at once', { stored: stored.length });
    socket.disconnect();
  });

  it('16. 50 writers in one group over three instances: dense, one order for all', async () => {
    const { cluster } = scene;
    const urlOf = (index: number) => cluster.instances[index % 3]?.url ?? cluster.url;
    const fleet = await scene.fleet({ people: 50, groups: 1, urlOf });
    await fleet.writeFor(seconds(4, 20), 200);
    await expectHolds('50 writers in one group', cluster, fleet);
  });

  it('SIGTERM while 50 connections wait to be taken in: each gets its answer', async () => {
    const [instance] = scene.cluster.instances;
    if (instance === undefined) throw new Error('an instance is needed');
    instance.halt();
    const waiting = await Promise.all(Array.from({ length: 50 }, () => askRaw(instance.url)));
    const ended = instance.stop();
    instance.go();
    const answers = await Promise.all(waiting.map(({ answer }) => answer));
    const failed = answers.filter((answer) => !answer.startsWith('HTTP/1.1 200 '));
    print('SIGTERM', { connected: answers.length, failed: failed.length });
    expect(failed).toEqual([]);
    expect(await ended).toEqual({ code: 0, signal: null });
    await instance.start();
    await untilAcquainted(scene.cluster);
  });

  it('one taken out of nginx gets no request: only its own people move, and they return', async () => {
    const { cluster } = scene;
    const [taken] = cluster.instances;
    if (taken === undefined) throw new Error('an instance is needed');
    const people = Array.from({ length: 60 }, () => uniqueName('affinity'));
    const serve = () =>
      Promise.all(people.map((affinity) => answering(cluster.url, `affinity=${affinity}`)));
    await until('nginx to use all three', 10_000, async () => new Set(await serve()).size === 3);
    const id = await answering(taken.url);
    const before = await serve();
    await cluster.nginx.takeOut(taken);
    const meanwhile = await serve();
    await cluster.nginx.putBack(taken);
    const moved = people.filter((_, index) => meanwhile[index] !== before[index]);
    const own = people.filter((_, index) => before[index] === id);
    print('taken out', { people: people.length, own: own.length, moved: moved.length });
    expect(meanwhile).not.toContain(id);
    expect(moved).toEqual(own);
    expect(await serve()).toEqual(before);
  });

  it('17. restarted one by one: holds, each ends with 0 within 30 s, no request is dropped', async () => {
    const { cluster } = scene;
    const fleet = await scene.fleet();
    const stop = fleet.write(100);
    const steady = keepAsking(cluster.url, await signUp(cluster.url));
    const took: number[] = [];
    for (const instance of cluster.instances) {
      await delay(1_000);
      const began = performance.now();
      expect(await cluster.restart(instance)).toEqual({ code: 0, signal: null });
      took.push(Math.round(performance.now() - began));
    }
    stop();
    const { asked, dropped } = await steady();
    print('rolling restart', { restartsTook: took.join('/'), asked, dropped: dropped.length });
    expect(Math.max(...took)).toBeLessThan(30_000);
    expect(dropped).toEqual([]);
    await expectHolds('three instances restarted in turn', cluster, fleet);
  });
});

/** Resolves when the connection is made and the request sent, with the answer to come. */
async function askRaw(url: string): Promise<{ answer: Promise<string> }> {
  const { hostname, port } = new URL(url);
  const socket = connectTo(Number(port), hostname);
  const answer = text(socket).catch(String);
  await once(socket, 'connect');
  const request = 'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  await new Promise((resolve) => socket.write(request, resolve));
  return { answer };
}

/** The id of the instance that answers. */
const answering = async (url: string, cookie = ''): Promise<string> =>
  (await call<Health>(url, 'GET', '/health', { headers: { cookie } })).body.instance.id;

const idsOf = (instances: Instance[]): Promise<string[]> =>
  Promise.all(
    instances.map(async ({ url }) => (await call<Health>(url, 'GET', '/health')).body.instance.id),
  );

const queueKeys = (redis: Redis): Promise<string[]> => redis.keys('parley:*:bull:messages-*');

/** Asks and writes without a pause through nginx; the returned function says what failed. */
function keepAsking(url: string, person: Person) {
  let running = true;
  let asked = 0;
  const dropped: string[] = [];
  async function ask(method: string, path: string, body?: unknown): Promise<void> {
    asked++;
    const answer = await call(url, method, path, { as: person, body }).catch(String);
    if (typeof answer === 'string') dropped.push(`${method} ${path}: ${answer}`);
    else if (answer.status >= 400) dropped.push(`${method} ${path}: ${answer.status}`);
  }
  const work = [
    () => ask('GET', '/api/auth/check'),
    () => ask('POST', '/api/sync', { since: {} }),
    () => ask('GET', '/api/messages/users?limit=5'),
  ].map(async (step) => {
    while (running) await step();
  });
  return async () => {
    running = false;
    await Promise.all(work);
    return { asked, dropped };
  };
}
