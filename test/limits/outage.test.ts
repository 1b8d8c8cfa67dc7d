/** The limits while Redis is halted, emptied, restarted, and not there yet: a Redis of our own. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ClientSocket, call, connect, emit, PASSWORD } from '../support/client.ts';
import { startTestCluster, type TestCluster, uniqueName } from '../support/server.ts';
import {
  from,
  newAddress,
  newPerson,
  type OwnRedis,
  type Refusal,
  repeat,
  retryAfterOf,
  standard,
  startOwnRedis,
  structured,
  untilRedis,
} from './instances.ts';

let redis: OwnRedis;
let cluster: TestCluster;
let a: string;
let b: string;
const sockets: ClientSocket[] = [];

async function startServers(): Promise<void> {
  cluster = await startTestCluster({ redisUrl: redis.url, env: standard });
  [a, b] = [cluster.a.url, cluster.b.url];
}
beforeEach(async () => {
  redis = await startOwnRedis();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.disconnect();
  redis.go();
  await cluster.close();
  await redis.close();
});

const check = (url: string, address: string) =>
  call<Refusal>(url, 'GET', '/api/auth/check', { headers: from(address) });
const login = (url: string, email: string, address: string, password = 'not the password') =>
  call<Refusal>(url, 'POST', '/api/auth/login', {
    body: { email, password },
    headers: from(address),
  });
/** Both instances count together: each tells what the other left. */
async function expectShared(): Promise<void> {
  const address = newAddress();
  await check(a, address);
  const { headers } = await check(b, address);
  expect(structured(headers, 'ratelimit').general).toMatchObject({ r: '98' });
}

describe('while Redis is halted', { timeout: 60_000 }, () => {
  beforeEach(startServers);

  it('no request takes 300 ms more, and every limit holds in process', async () => {
    const [ann, ben] = [await newPerson(a), await newPerson(a)];
    const socket = await connect(a, ann);
    sockets.push(socket);
    const say = async () => {
      const payload = { to: ben.id, text: 'Hello', clientId: uniqueName('client') };
      const answer = await emit(socket, 'sendMessage', payload);
      return { status: answer.ok ? 201 : answer.error.status };
    };
    const ways: Record<string, () => Promise<{ status: number }>> = {
      stranger: () => check(a, newAddress()),
      user: () => call(a, 'GET', '/api/auth/check', { as: ben }),
      login: () => login(a, ann.email, newAddress(), PASSWORD),
      signUp: async () => ({ status: (await newPerson(a)) === undefined ? 0 : 201 }),
      page: () => call(a, 'GET', '/', { headers: from(newAddress()) }),
      overHttp: () =>
        call(a, 'POST', `/api/messages/send/${ben.id}`, { as: ann, body: { text: 'Hello' } }),
      overSocket: say,
      handshake: async () => {
        sockets.push(await connect(a, ben));
        return { status: 200 };
      },
    };
    const measure = async (way: () => Promise<{ status: number }>) => {
      const began = performance.now();
      const { status } = await way();
      expect([200, 201, 401, 404]).toContain(status);
      return performance.now() - began;
    };
    // All at once, so that each meets a Redis of which nobody knows yet that it is halted.
    const measureAll = async () =>
      new Map(
        await Promise.all(
          Object.entries(ways).map(async ([name, way]) => [name, await measure(way)] as const),
        ),
      );
    await measureAll();
    // Of three the least: what else a busy machine does is not Redis' doing.
    const least = new Map<string, number>();
    let turns = 0;
    for (;;) {
      turns++;
      const calm = await measureAll();
      redis.halt();
      for (const [name, took] of await measureAll()) {
        const more = took - (calm.get(name) ?? 0);
        least.set(name, Math.min(more, least.get(name) ?? Infinity));
      }
      if (turns === 3 || [...least.values()].every((more) => more < 300)) break;
      redis.go();
      await untilRedis(a, 'up');
    }
    for (const [name, more] of least) {
      expect(more, `${name} took ${Math.round(more)} ms more`).toBeLessThan(300);
    }

    const address = newAddress();
    expect((await repeat(101, () => check(a, address))).counts).toEqual({ 401: 100, 429: 1 });
    const home = newAddress();
    const { counts, last } = await repeat(6, () => login(a, ben.email, home));
    expect(counts).toEqual({ 401: 5, 429: 1 });
    expect(retryAfterOf(last)).toBeGreaterThan(14 * 60);
    // What was counted in Redis before it was halted is known here still.
    // Each turn sent one over HTTP and one over the socket, twice, after a first of both.
    const said = 2 + 4 * turns;
    const { counts: sent } = await repeat(50, say);
    // One whose answer came too late on a busy machine counts twice.
    expect(sent[429]).toBeGreaterThanOrEqual(said);
    expect(sent[429]).toBeLessThanOrEqual(said + 3);
    const { counts: asked } = await repeat(200, () =>
      call(a, 'GET', '/api/auth/check', { as: ben }),
    );
    expect(asked[429]).toBeGreaterThan(0);
  });

  it('what was counted meanwhile is not forgotten when it goes on, and a success clears it', async () => {
    const ann = await newPerson(a);
    const [home, elsewhere] = [newAddress(), newAddress()];
    await login(a, ann.email, home);
    redis.halt();
    await untilRedis(a, 'down');
    expect((await repeat(3, () => login(a, ann.email, home))).counts).toEqual({ 401: 3 });
    expect((await repeat(3, () => login(a, ann.email, elsewhere))).counts).toEqual({ 401: 3 });
    redis.go();
    await untilRedis(a, 'up');
    expect((await repeat(2, () => login(a, ann.email, home))).counts).toEqual({ 401: 1, 429: 1 });
    expect((await login(a, ann.email, elsewhere, PASSWORD)).status).toBe(200);
    expect((await repeat(6, () => login(a, ann.email, elsewhere))).counts).toEqual({
      401: 5,
      429: 1,
    });
  });

  it('messages keep their order when it is halted among them', async () => {
    const [ann, ben] = [await newPerson(a), await newPerson(a)];
    const socket = await connect(a, ann);
    sockets.push(socket);
    const say = (text: string) =>
      emit(socket, 'sendMessage', { to: ben.id, text, clientId: uniqueName('client') });
    await say('first');
    redis.halt();
    const texts = Array.from({ length: 20 }, (_, index) => `Message ${index}`);
    const early = texts.slice(0, 10).map(say);
    await untilRedis(a, 'down');
    const late = texts.slice(10).map(say);
    for (const answer of await Promise.all([...early, ...late])) expect(answer.ok).toBe(true);
    const { body } = await call<{ text: string }[]>(a, 'GET', `/api/messages/${ben.id}`, {
      as: ann,
    });
    expect(body.map(({ text }) => text)).toEqual(['first', ...texts]);
  });
});

describe('when Redis comes back', { timeout: 60_000 }, () => {
  beforeEach(startServers);

  it.each(['SCRIPT FLUSH', 'FLUSHALL'])('after %s it counts as before', async (words) => {
    await expectShared();
    const [command = '', ...rest] = words.split(' ');
    await redis.command(command, ...rest);
    await expectShared();
    const ann = await newPerson(a);
    const ben = await newPerson(a);
    const path = `/api/messages/send/${ben.id}`;
    const { counts } = await repeat(52, (index) =>
      call(index % 2 === 0 ? a : b, 'POST', path, { as: ann, body: { text: 'Hello' } }),
    );
    expect(counts).toEqual({ 201: 50, 429: 2 });
  });

  it('after a restart both instances count together again', async () => {
    await expectShared();
    await redis.stop();
    await untilRedis(a, 'down');
    expect((await check(a, newAddress())).status).toBe(401);
    await redis.start();
    await Promise.all([untilRedis(a, 'up'), untilRedis(b, 'up')]);
    await expectShared();
  });

  it('leaves no key behind that never ends', async () => {
    const ann = await newPerson(a);
    await repeat(3, () => login(a, ann.email, newAddress()));
    await login(a, ann.email, newAddress(), PASSWORD);
    await call(b, 'GET', '/api/auth/check', { as: ann });
    const keys = (await redis.command('KEYS', '*:limit:*')) as string[];
    expect(keys.length).toBeGreaterThan(5);
    for (const key of keys) expect(Number(await redis.command('PTTL', key))).toBeGreaterThan(0);
    // What people are called stands in none of them.
    expect(keys.join('\n')).not.toContain('@');
  });
});

it('limits hold without Redis from the start, and are shared when it comes', async () => {
  await redis.stop();
  await startServers();
  const address = newAddress();
  expect((await repeat(101, () => check(a, address))).counts).toEqual({ 401: 100, 429: 1 });
  const ann = await newPerson(a);
  const { counts } = await repeat(6, () => login(a, ann.email, address));
  expect(counts).toEqual({ 429: 6 });
  const home = newAddress();
  expect((await repeat(6, () => login(a, ann.email, home))).counts).toEqual({ 401: 5, 429: 1 });
  await redis.start();
  await Promise.all([untilRedis(a, 'up'), untilRedis(b, 'up')]);
  await expectShared();
  expect((await login(a, ann.email, home)).status).toBe(429);
}, 60_000);
