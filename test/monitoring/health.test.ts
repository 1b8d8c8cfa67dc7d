/** /health: what it says of the last minute. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { call, connect, emit, eventually, send, signUp } from '../support/client.ts';
import { type Network, openNetwork } from '../support/network.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

interface Times {
  seconds: number;
  answered: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}
interface Health {
  status: string;
  responseTimes: { http: Times; events: Times };
  errorRate: { http: number; events: number };
  caches: { cache: string; tier: string; hits: number; hitRate: number | null }[];
  cacheEntries: Record<string, number>;
  eventLoopDelay: { p50: number; p99: number; max: number };
}

const health = async (url: string): Promise<Health> =>
  (await call<Health>(url, 'GET', '/health')).body;

describe('/health', () => {
  let server: TestServer;
  let network: Network;
  beforeAll(async () => {
    network = await openNetwork(inject('mongodbUri').replace('mongodb:', 'http:'));
    const mongodbUri = new URL(inject('mongodbUri'));
    mongodbUri.host = new URL(network.url).host;
    mongodbUri.search = '?directConnection=true';
    server = await startTestServer({ mongodbUri: mongodbUri.href });
  });
  afterAll(async () => {
    network.restore();
    await server.close();
    await network.close();
  });

  it('tells response times of requests and events, without those of who watches', async () => {
    const { url } = server;
    const [ann, ben] = [await signUp(url), await signUp(url)];
    const socket = await connect(url, ann);
    for (const text of ['one', 'two', 'three']) await send(socket, { to: ben.id }, text);
    for (let count = 0; count < 20; count++) await health(url);
    const { responseTimes, errorRate, eventLoopDelay } = await health(url);
    const { http, events } = responseTimes;
    expect(http.answered).toBe(2);
    expect(events.answered).toBe(3);
    for (const { p50, p95, p99, seconds } of [http, events]) {
      expect(p50).toBeGreaterThan(0);
      expect(p95).toBeGreaterThanOrEqual(p50 ?? Number.NaN);
      expect(p99).toBeGreaterThanOrEqual(p95 ?? Number.NaN);
      expect(seconds).toBeGreaterThan(0);
    }
    expect(errorRate).toEqual({ http: 0, events: 0 });
    expect(eventLoopDelay).toEqual({
      p50: expect.any(Number),
      p99: expect.any(Number),
      max: expect.any(Number),
    });
    socket.disconnect();
  });

  it('tells what the caches answered and hold', async () => {
    const { url } = server;
    const ann = await signUp(url);
    await eventually(async () => {
      await call(url, 'GET', '/api/auth/check', { as: ann });
      const { caches, cacheEntries } = await health(url);
      const users = caches.find(({ cache, tier }) => cache === 'users' && tier === 'process');
      expect(users?.hits).toBeGreaterThan(0);
      expect(users?.hitRate).toBeGreaterThan(0);
      expect(cacheEntries.users).toBeGreaterThan(0);
    });
  });

  it('tells of no caches where there are none', async () => {
    const plain = await startTestServer({ env: { CACHE: 'off' } });
    expect(Object.keys(await health(plain.url))).not.toContain('caches');
    await plain.close();
  });

  it('counts failures of the server, and no refusals, as errors', async () => {
    const { url } = server;
    const [ann, ben] = [await signUp(url), await signUp(url)];
    const socket = await connect(url, ann);
    const before = await health(url);
    await emit(socket, 'sendMessage', { to: ben.id, text: '', clientId: 'empty-one' });
    await call(url, 'GET', '/api/auth/check');
    expect((await health(url)).errorRate).toEqual({ http: 0, events: 0 });
    network.cut();
    const payload = { to: ben.id, text: 'lost', clientId: 'never-stored' };
    const [event, request] = await Promise.all([
      emit(socket, 'sendMessage', payload),
      call(url, 'GET', '/api/users', { as: ann }),
    ]);
    expect(event).toMatchObject({ ok: false, error: { status: 503 } });
    expect(request.status).toBe(503);
    const after = await health(url);
    const { events, http } = before.responseTimes;
    expect(after.status).toBe('degraded');
    expect(after.errorRate.events).toBeCloseTo(1 / (events.answered + 2));
    expect(after.errorRate.http).toBeCloseTo(1 / (http.answered + 2));
    socket.disconnect();
  });
});
