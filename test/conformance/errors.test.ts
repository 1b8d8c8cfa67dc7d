import { describe, expect, it } from 'vitest';
import { limits } from '../../src/protocol/limits.ts';
import { call, type Person } from '../support/client.ts';
import { expectProblem, NOBODY, newAccount, testTarget } from './target.ts';

const target = testTarget();

/** Posts a body that `call` would not write. */
async function post(path: string, as: Person, body: string, type = 'application/json') {
  const headers = { cookie: as.cookie, 'content-type': type };
  const response = await fetch(target.url + path, { method: 'POST', headers, body });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

describe('every answer names its request and its time:', () => {
  it.each([
    ['an unknown route', 'GET', '/api/nowhere'],
    ['a refusal', 'GET', '/api/auth/check'],
    ['a preflight', 'OPTIONS', '/api/auth/check'],
    ['the page', 'GET', '/'],
    ['health', 'GET', '/health'],
    ['liveness', 'GET', '/livez'],
    ['readiness', 'GET', '/readyz'],
  ])('%s', async (_what, method, path) => {
    expectNamed((await target.call(method, path)).headers);
  });

  it('a success', async () => {
    const body = newAccount();
    const answer = await target.call('POST', '/api/auth/signup', { body });
    expect(answer.status).toBe(201);
    expectNamed(answer.headers);
  });

  function expectNamed(headers: Headers): void {
    expect(headers.get('x-request-id')).toMatch(/^[\w-]{8,}$/);
    expect(Number(headers.get('x-response-time'))).toBeGreaterThan(0);
    expect(headers.get('server-timing')).toMatch(/\bdur=[\d.]+/);
  }

  it('each by another name', async () => {
    const ids = await Promise.all(
      [1, 2, 3].map(async () => (await target.call('GET', '/livez')).headers.get('x-request-id')),
    );
    expect(new Set(ids).size).toBe(3);
  });
});

describe('a problem', () => {
  it('has the form of RFC 9457, and says the same in message and error', async () => {
    const [ann] = await target.people('Ann');
    expectProblem(await target.call('GET', '/api/nowhere', { as: ann }), 'not_found');
    expectProblem(await target.call('POST', '/api/auth/check', { as: ann }), 'not_found');
    expectProblem(await target.call('GET', '/api/messages/users'), 'unauthenticated');
  });

  it('names every faulty field', async () => {
    const body = { fullName: '', email: 'nonsense', password: '' };
    const refused = await target.call<{ errors: { path: string; message: string }[] }>(
      'POST',
      '/api/auth/signup',
      { body },
    );
    expectProblem(refused, 'invalid_input');
    const paths = refused.body.errors.map(({ path }) => path);
    expect([...new Set(paths)].sort()).toEqual(['email', 'fullName', 'password']);
    for (const { message } of refused.body.errors) expect(message).toMatch(/\w/);
  });

  it('answers malformed JSON', async () => {
    const [ann] = await target.people('Ann');
    expectProblem(await post('/api/sync', ann, '{"since":'), 'malformed_json');
  });

  it('answers a body of another type', async () => {
    const [ann] = await target.people('Ann');
    const refused = await post('/api/sync', ann, 'since=', 'application/x-www-form-urlencoded');
    expectProblem(refused, 'unsupported_media_type');
  });
});

describe('an unknown field is refused by name', () => {
  it.each([
    ['POST', '/api/auth/signup', { ...newAccount() }],
    ['POST', '/api/auth/login', { email: 'a@example.org', password: 'x' }],
    ['POST', '/api/auth/token', { email: 'a@example.org', password: 'x' }],
    ['PUT', '/api/auth/update-profile', { fullName: 'Ann' }],
    ['POST', `/api/messages/send/${NOBODY}`, { text: 'x' }],
    ['POST', `/api/messages/${NOBODY}/read`, { seq: 1 }],
    ['POST', '/api/groups', { name: 'x', memberIds: [] }],
    ['PUT', `/api/groups/${NOBODY}`, { name: 'x' }],
    ['POST', `/api/groups/${NOBODY}/members`, { memberIds: [NOBODY] }],
    ['POST', `/api/groups/${NOBODY}/messages`, { text: 'x' }],
    ['POST', '/api/sync', { since: {} }],
  ])('by %s %s', async (method, path, body) => {
    const [ann] = await target.people('Ann');
    const refused = await target.call(method, path, { as: ann, body: { ...body, surplus: 1 } });
    expectProblem(refused, 'invalid_input');
    expect(refused.body).toMatchObject({ errors: [{ path: 'surplus' }] });
  });
});

const withIds: [method: string, path: (id: string) => string, body?: object][] = [
  ['GET', (id) => `/api/users/${id}`],
  ['GET', (id) => `/api/messages/${id}`],
  ['POST', (id) => `/api/messages/send/${id}`, { text: 'x' }],
  ['POST', (id) => `/api/messages/${id}/read`, { seq: 1 }],
  ['GET', (id) => `/api/groups/${id}`],
  ['PUT', (id) => `/api/groups/${id}`, { name: 'x' }],
  ['DELETE', (id) => `/api/groups/${id}`],
  ['POST', (id) => `/api/groups/${id}/members`, { memberIds: [NOBODY] }],
  ['POST', (id) => `/api/groups/${id}/leave`],
  ['GET', (id) => `/api/groups/${id}/messages`],
  ['POST', (id) => `/api/groups/${id}/messages`, { text: 'x' }],
  ['POST', (id) => `/api/groups/${id}/read`, { seq: 1 }],
  ['DELETE', (id) => `/api/auth/sessions/${id}`],
  ['GET', (id) => `/api/attachments/${id}`],
];

describe('an id', () => {
  const ask = (as: Person, id: string) =>
    Promise.all(
      withIds.map(([method, path, body]) =>
        call(target.url, method, path(id), { as, ...(body === undefined ? {} : { body }) }),
      ),
    );

  it.each(['nonsense', NOBODY.toUpperCase(), `${NOBODY}0`, '$ne'])(
    'of another form, such as %s, is refused by every route',
    async (id) => {
      const [ann] = await target.people('Ann');
      for (const answer of await ask(ann, id)) expectProblem(answer, 'invalid_input');
    },
  );

  it('that names nothing is not found by any route', async () => {
    const [ann] = await target.people('Ann');
    for (const answer of await ask(ann, NOBODY)) expectProblem(answer, 'not_found');
  });
});

describe('a JSON body', () => {
  const textOf = (bytes: number): string => {
    const frame = JSON.stringify({ text: '' }).length;
    return JSON.stringify({ text: 'a'.repeat(bytes - frame) });
  };

  it('may have 8 MB', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    // Refused for its text, so it was read.
    const answer = await post(`/api/messages/send/${ben.id}`, ann, textOf(limits.jsonBodyBytes));
    expectProblem(answer, 'invalid_input');
  });

  it('is refused with 413 beyond', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const body = textOf(limits.jsonBodyBytes + 1);
    expectProblem(await post(`/api/messages/send/${ben.id}`, ann, body), 'too_large');
  });
});

describe('a foreign page', () => {
  it('may not use a session', async () => {
    const [ann] = await target.people('Ann');
    const headers = { origin: 'https://foreign.example' };
    const refused = await target.call('POST', '/api/auth/logout', { as: ann, headers });
    expectProblem(refused, 'unknown_origin');
    expect((await target.call('GET', '/api/auth/check', { as: ann })).status).toBe(200);
  });

  it('is not allowed to read answers', async () => {
    const [ann] = await target.people('Ann');
    const headers = { origin: 'https://foreign.example' };
    const answer = await target.call('GET', '/api/auth/check', { as: ann, headers });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('is another one than the own', async () => {
    const [ann] = await target.people('Ann');
    const headers = { origin: new URL(target.url).origin };
    const answer = await target.call('POST', '/api/auth/logout', { as: ann, headers });
    expect(answer.status).toBe(200);
  });
});
