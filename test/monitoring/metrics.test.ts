/** /metrics: what it counts, and who may read it. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../src/infra/logger.ts';
import { createMetrics } from '../../src/infra/metrics.ts';
import { call, connect, emit, send, signUp } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** Series -> value, as Prometheus reads the text format. @throws on a line that is none. */
async function readMetrics(url: string): Promise<Map<string, number>> {
  const { status, body } = await call<string>(url, 'GET', '/metrics');
  expect(status).toBe(200);
  const series = new Map<string, number>();
  for (const line of body.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, value] = /^([a-z_][\w:]*(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    if (name === undefined || Number.isNaN(Number(value))) throw new Error(`no sample: ${line}`);
    if (series.has(name)) throw new Error(`told twice: ${name}`);
    series.set(name, Number(value));
  }
  return series;
}

/** Reads until a figure has a value. */
async function untilFigure(url: string, name: string, value: number): Promise<void> {
  const giveUpAt = performance.now() + 5_000;
  for (;;) {
    const found = (await readMetrics(url)).get(name);
    if (found === value) return;
    if (performance.now() > giveUpAt) throw new Error(`${name} is ${found}, not ${value}`);
    await delay(20);
  }
}

describe.each([{ redis: 'with Redis' }, { redis: 'without Redis' }])('metrics $redis', (one) => {
  const isOff = one.redis === 'without Redis';
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer(isOff ? { redisUrl: 'off' } : {});
  });
  afterAll(() => server.close());

  it('count messages, operations and requests, under names without ids', async () => {
    const { url } = server;
    const [ann, ben] = [await signUp(url), await signUp(url)];
    const socket = await connect(url, ann);
    await untilFigure(url, 'chat_socket_connections', 1);
    const first = await send(socket, { to: ben.id }, 'one');
    await send(socket, { to: ben.id }, 'two');
    await call(url, 'POST', `/api/messages/send/${ben.id}`, { as: ann, body: { text: 'three' } });
    const refused = await emit(socket, 'sendMessage', {
      to: ben.id,
      text: '',
      clientId: 'empty-one',
    });
    expect(refused.ok).toBe(false);
    await call(url, 'GET', '/api/nothing/here');
    await call(url, 'GET', `/${ann.id}.png`);
    const series = await readMetrics(url);
    const duration = 'chat_operation_duration_seconds_count';
    const request = 'http_request_duration_seconds_count';
    expect(Object.fromEntries(series)).toMatchObject({
      chat_messages_stored_total: 3,
      chat_message_batch_size_sum: 3,
      chat_messages_pending: 0,
      chat_instances: 1,
      [`${duration}{operation="sendMessage",transport="socket",outcome="ok"}`]: 2,
      [`${duration}{operation="sendMessage",transport="socket",outcome="invalid_input"}`]: 1,
      [`${request}{method="POST",route="/api/messages/send/:userId",status="201"}`]: 1,
      [`${request}{method="GET",route="other",status="404"}`]: 1,
      [`${request}{method="GET",route="/{*path}",status="404"}`]: 1,
    });
    expect(series.get('chat_redis_up')).toBe(isOff ? undefined : 1);
    expect(series.get('chat_queue_jobs{state="active",queue="messages"}')).toBe(
      isOff ? undefined : 0,
    );
    const names = [...series.keys()].join('\n');
    for (const secret of [ann.id, ben.id, ann.email, first._id, first.conversationId]) {
      expect(names).not.toContain(secret);
    }
    socket.disconnect();
    await untilFigure(url, 'chat_socket_connections', 0);
  });

  it('show the pool of connections to MongoDB', async () => {
    const series = await readMetrics(server.url);
    const pool = (state: string) => series.get(`chat_mongodb_pool{state="${state}"}`) ?? Number.NaN;
    expect(pool('open')).toBeGreaterThanOrEqual(1);
    expect(pool('open')).toBeLessThanOrEqual(pool('max'));
    expect(pool('in_use')).toBeGreaterThanOrEqual(0);
    expect(pool('in_use')).toBeLessThanOrEqual(pool('open'));
    expect(pool('waiting')).toBe(0);
    expect(pool('max')).toBe(server.config.mongodb.poolMax);
    const events = (event: string) =>
      series.get(`chat_mongodb_pool_events_total{event="${event}"}`) ?? Number.NaN;
    expect(events('connectionCheckedOut')).toBeGreaterThan(events('connectionCreated'));
    const { body } = await call<{ mongodb: { pool: unknown } }>(server.url, 'GET', '/health');
    expect(body.mongodb.pool).toMatchObject({ open: expect.any(Number), waiting: 0 });
  });
});

describe('who may read the metrics', () => {
  const token = 'a token of the tests';
  let open: TestServer;
  let guarded: TestServer;
  beforeAll(async () => {
    open = await startTestServer();
    guarded = await startTestServer({ env: { METRICS_TOKEN: token, TRUST_PROXY: '1' } });
  });
  afterAll(() => Promise.all([open.close(), guarded.close()]));

  it.each(['X-Forwarded-For', 'Forwarded'])(
    'without a token nobody whose request was passed on (%s)',
    async (header) => {
      const headers = { [header]: '127.0.0.1' };
      const { status, body } = await call(open.url, 'GET', '/metrics', { headers });
      expect(status).toBe(403);
      expect(body).toMatchObject({ code: 'forbidden' });
    },
  );

  it.each([undefined, 'Bearer wrong', 'Bearer A token of the tests', token])(
    'with a token nobody else: %s',
    async (authorization) => {
      const headers = authorization === undefined ? {} : { authorization };
      const { status } = await call(guarded.url, 'GET', '/metrics', { headers });
      expect(status).toBe(403);
    },
  );

  it('with the token from everywhere', async () => {
    const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': '203.0.113.7' };
    const { status, headers: answered } = await call(guarded.url, 'GET', '/metrics', { headers });
    expect(status).toBe(200);
    expect(answered.get('content-type')).toContain('text/plain');
  });

  it('a method of a stranger makes no series of its own', async () => {
    await call(open.url, 'PROPFIND', '/api/nothing');
    const names = [...(await readMetrics(open.url)).keys()];
    expect(names.some((name) => name.includes('PROPFIND'))).toBe(false);
    expect(names.some((name) => name.includes('method="other"'))).toBe(true);
  });
});

describe('a source that fails or does not answer', () => {
  it('is absent, and the others are told', async () => {
    const metrics = createMetrics(createLogger('silent'));
    const source = (
      name: string,
      read: () => number | Promise<never>,
      type: 'gauge' | 'counter' = 'gauge',
    ) => metrics.source({ type, name, help: name }, read);
    source('is_there', () => 7);
    const fail = () => {
      throw new Error('out of order');
    };
    source('fails', fail);
    source('fails_to_count', fail, 'counter');
    source('is_silent', () => new Promise<never>(() => undefined));
    const page = await metrics.page();
    expect(page).toContain('\nis_there 7\n');
    expect(page).not.toMatch(/^(fails|fails_to_count|is_silent) /m);
  });
});
