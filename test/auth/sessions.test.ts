import jwt from 'jsonwebtoken';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session, TokenGrant } from '../../src/protocol/types.ts';
import { call, connect, listen, PASSWORD, signUp } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

describe('a session', () => {
  let server: TestServer;
  let now = Date.now();
  beforeAll(async () => {
    server = await startTestServer({ overrides: { clock: () => new Date(now) } });
  });
  afterAll(() => server.close());

  it('can be had as a token by clients without cookies, over HTTP and sockets', async () => {
    const { email } = await signUp(server.url);
    const { body } = await call<TokenGrant>(server.url, 'POST', '/api/auth/token', {
      body: { email, password: PASSWORD },
    });
    const headers = { authorization: `Bearer ${body.token}` };
    const check = await call(server.url, 'GET', '/api/auth/check', { headers });
    expect(check).toMatchObject({ status: 200, body: { email } });
    expect(check.headers.getSetCookie()).toEqual([]);
  });

  it('is listed, and each can be ended by its owner alone', async () => {
    const [ann, eve] = [await signUp(server.url), await signUp(server.url)];
    const other = await call<TokenGrant>(server.url, 'POST', '/api/auth/token', {
      body: { email: ann.email, password: PASSWORD },
    });
    const list = await call<Session[]>(server.url, 'GET', '/api/auth/sessions', { as: ann });
    expect(list.body.map(({ current }) => current).sort()).toEqual([false, true]);
    const path = `/api/auth/sessions/${list.body.find(({ current }) => !current)?._id}`;
    expect((await call(server.url, 'DELETE', path, { as: eve })).status).toBe(404);
    expect((await call(server.url, 'DELETE', path, { as: ann })).status).toBe(200);
    const headers = { authorization: `Bearer ${other.body.token}` };
    expect((await call(server.url, 'GET', '/api/auth/check', { headers })).status).toBe(401);
    expect((await call(server.url, 'GET', '/api/auth/check', { as: ann })).status).toBe(200);
  });

  it('is refused without, with a forged or with an unsigned token', async () => {
    const ann = await signUp(server.url);
    const claims = jwt.decode(ann.token) as object;
    const forged = [
      jwt.sign(claims, 'another secret that is long enough, too'),
      jwt.sign(claims, '', { algorithm: 'none' }),
      jwt.sign(claims, server.config.jwtSecret ?? '', { algorithm: 'HS512' }),
      'nonsense',
      '',
    ];
    for (const token of forged) {
      const headers = { cookie: `jwt=${token}` };
      expect((await call(server.url, 'GET', '/api/auth/check', { headers })).status).toBe(401);
      await expect(connect(server.url, { ...ann, cookie: `jwt=${token}` })).rejects.toMatchObject({
        message: expect.stringMatching(/sign in/),
        data: { code: 'unauthenticated' },
      });
    }
  });

  it('is renewed when it is used a day later, and expires after seven unused ones', async () => {
    const ann = await signUp(server.url);
    now += DAY_MS + 1_000;
    const check = await call(server.url, 'GET', '/api/auth/check', { as: ann });
    const [cookie] = check.headers.getSetCookie();
    expect(cookie).toMatch(/^jwt=/);
    expect(cookie?.split(';')[0]).not.toBe(ann.cookie);
    now += 7 * DAY_MS;
    expect((await call(server.url, 'GET', '/api/auth/check', { as: ann })).status).toBe(401);
    now = Date.now();
  });

  it('does not work from a foreign page', async () => {
    const ann = await signUp(server.url);
    const headers = { origin: 'https://evil.example' };
    const post = await call(server.url, 'POST', '/api/auth/logout', { as: ann, headers });
    expect(post.status).toBe(403);
    for (const path of ['/socket.io/?EIO=4&transport=polling']) {
      const answer = await fetch(server.url + path, {
        headers: { ...headers, cookie: ann.cookie },
      });
      expect(answer.status).toBe(403);
    }
    const own = { origin: server.url };
    expect(
      (await call(server.url, 'POST', '/api/auth/logout', { as: ann, headers: own })).status,
    ).toBe(200);
  });

  it('is logged out also when it had ended already, and its cookie is cleared', async () => {
    const ann = await signUp(server.url);
    for (let time = 1; time <= 2; time++) {
      const answer = await call(server.url, 'POST', '/api/auth/logout', { as: ann });
      expect(answer).toMatchObject({ status: 200, body: { message: 'Logged out' } });
      expect(answer.headers.getSetCookie()[0]).toMatch(/^jwt=;/);
    }
  });

  it('is not opened by a continuation of the longest password', async () => {
    const ann = await signUp(server.url);
    const password = 'p'.repeat(72);
    const body = { fullName: 'Long', email: `long-${ann.email}`, password };
    expect((await call(server.url, 'POST', '/api/auth/signup', { body })).status).toBe(201);
    const logIn = (given: string) =>
      call(server.url, 'POST', '/api/auth/login', { body: { email: body.email, password: given } });
    expect((await logIn(`${password}x`)).status).toBe(401);
    expect((await logIn(password)).status).toBe(200);
  });

  it('tells its sockets when it expires', async () => {
    const ann = await signUp(server.url);
    const socket = await connect(server.url, ann);
    const told = listen(socket, 'sessionRevoked');
    const path = '/api/auth/logout';
    await call(server.url, 'POST', path, { as: ann });
    await told.until();
  });
});

describe('every answer', () => {
  it('names its request and its time, refusals included', async () => {
    const server = await startTestServer();
    for (const path of ['/api/auth/check', '/api/nowhere', '/health', '/livez', '/readyz']) {
      const { headers } = await call(server.url, 'GET', path);
      expect(headers.get('x-request-id'), path).toMatch(/^[\w-]{8,64}$/);
      expect(Number(headers.get('x-response-time')), path).toBeGreaterThan(0);
      expect(headers.get('server-timing'), path).toMatch(/^app;dur=/);
    }
    const problem = await call(server.url, 'GET', '/api/nowhere', {
      headers: { 'x-request-id': 'given-by-a-proxy' },
    });
    expect(problem).toMatchObject({ status: 404, body: { requestId: 'given-by-a-proxy' } });
    await server.close();
  });
});
