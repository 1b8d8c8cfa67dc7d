/** The limits by address and by user over HTTP, with the numbers that they have by default. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, PASSWORD } from '../support/client.ts';
import { startTestServer, type TestServer, uniqueName } from '../support/server.ts';
import {
  from,
  modes,
  newAddress,
  newPerson,
  newSubnet,
  type Refusal,
  repeat,
  retryAfterOf,
  standard,
  structured,
  useInstances,
} from './instances.ts';

describe.each(modes)('%s', (mode) => {
  const { url, urls } = useInstances(mode);

  const check = (address: string, headers: Record<string, string> = {}) =>
    call<Refusal>(url(), 'GET', '/api/auth/check', { headers: { ...from(address), ...headers } });

  it('100 requests a minute from one address, of whoever is not signed in', async () => {
    const address = newAddress();
    const { counts, answers, last } = await repeat(102, () => check(address));
    expect(counts).toEqual({ 401: 100, 429: 2 });
    expect(retryAfterOf(last)).toBeLessThanOrEqual(60);
    expect(last.body.detail).toMatch(/^Too many requests from your address\. Please try again in /);
    const [first] = answers;
    const { pk, ...policy } = structured(first?.headers ?? new Headers(), 'ratelimit-policy')
      .general as Record<string, string>;
    expect(policy).toEqual({ q: '100', w: '60' });
    expect(pk).toMatch(/^:[\w+/=]+:$/);
    expect(structured(first?.headers ?? new Headers(), 'ratelimit').general).toMatchObject({
      r: '99',
    });
    expect(structured(last.headers, 'ratelimit').general).toMatchObject({ r: '0' });
    expect((await check(newAddress())).status).toBe(401);
  });

  it('counts a route that does not exist, an invalid token, and a foreign page alike', async () => {
    const address = newAddress();
    const headers = from(address);
    await repeat(30, () => call(url(), 'GET', '/api/nothing/here', { headers }));
    await repeat(30, (index) => check(address, { authorization: `Bearer ${index}.a.b` }));
    const person = await newPerson(url());
    const foreign = { ...headers, origin: 'https://foreign.example' };
    const { counts } = await repeat(42, () =>
      call(url(), 'POST', '/api/auth/logout', { as: person, headers: foreign }),
    );
    expect(counts).toEqual({ 403: 40, 429: 2 });
    expect((await check(address, { authorization: 'Bearer another' })).status).toBe(429);
  });

  it('200 requests a minute of one user, wherever from, and not of the address', async () => {
    const [ann, ben] = [await newPerson(url()), await newPerson(url())];
    const address = newAddress();
    const ask = (person: typeof ann, where = address) =>
      call<Refusal>(url(), 'GET', '/api/auth/check', { as: person, headers: from(where) });
    const { counts, answers, last } = await repeat(202, (index) =>
      ask(ann, index % 2 === 0 ? address : newAddress()),
    );
    expect(counts).toEqual({ 200: 200, 429: 2 });
    retryAfterOf(last);
    // Nothing is said of the address, also not of the first request, which was looked at first.
    for (const { headers } of answers) {
      expect(Object.keys(structured(headers, 'ratelimit'))).toEqual(['authenticated']);
    }
    expect((await ask(ben)).status).toBe(200);
    // And strangers at the same address still have all of theirs.
    const stranger = await check(address);
    expect(structured(stranger.headers, 'ratelimit').general).toMatchObject({ r: '99' });
  });

  it('shuts nobody out who is known when a neighbour used the address up', async () => {
    const person = await newPerson(url());
    const address = newAddress();
    const ask = (server: string) =>
      call(server, 'GET', '/api/auth/check', { as: person, headers: from(address) });
    for (const server of urls()) expect((await ask(server)).status).toBe(200);
    await repeat(101, () => check(address));
    expect((await check(address)).status).toBe(429);
    for (const server of urls()) expect((await ask(server)).status).toBe(200);
  });

  it('50 new accounts in 15 minutes from one address', async () => {
    const address = newAddress();
    const signUp = (where: string) =>
      call<Refusal>(url(), 'POST', '/api/auth/signup', {
        body: { fullName: 'Ann', email: `${uniqueName('p')}@example.org`, password: PASSWORD },
        headers: from(where),
      });
    const { counts, last } = await repeat(51, () => signUp(address));
    expect(counts).toEqual({ 201: 50, 429: 1 });
    expect(retryAfterOf(last)).toBeGreaterThan(60);
    expect(last.body.detail).toMatch(/new accounts.*minutes\.$/);
    expect((await signUp(newAddress())).status).toBe(201);
  });

  it('takes the addresses of one IPv6 customer for one, and of two for two', async () => {
    const subnet = newSubnet();
    await repeat(100, (index) => check(`${subnet}${(index % 16).toString(16)}0::${index + 1}`));
    expect((await check(`${subnet}ff::1`)).status).toBe(429);
    expect((await check(`${newSubnet()}00::1`)).status).toBe(401);
  });

  it('believes of X-Forwarded-For only what the proxy in front wrote', async () => {
    const address = newAddress();
    const { last } = await repeat(101, () => check(`${newAddress()}, ${address}`));
    expect(last.status).toBe(429);
  });

  it.each(['/health', '/livez', '/readyz', '/metrics'])('%s is never limited', async (path) => {
    const address = newAddress();
    await repeat(101, () => check(address));
    const { answers } = await repeat(120, () =>
      call(url(), 'GET', path, { headers: from(address) }),
    );
    for (const { status, headers } of answers) {
      expect(status).not.toBe(429);
      expect(headers.get('ratelimit')).toBeNull();
    }
  });

  it('files have a limit of their own, ten times as wide', async () => {
    const address = newAddress();
    const file = () =>
      call(url(), 'GET', '/favicon-that-is-not-there.svg', { headers: from(address) });
    const first = await file();
    expect(structured(first.headers, 'ratelimit')).toMatchObject({ files: { r: '999' } });
    expect(structured((await check(address)).headers, 'ratelimit').general).toMatchObject({
      r: '99',
    });
    const { counts } = await repeat(1_000, file);
    expect(counts).toEqual({ 404: 999, 429: 1 });
    const ann = await newPerson(url());
    const attachment = await call(url(), 'GET', '/api/attachments/0123456789abcdef01234567', {
      as: ann,
    });
    expect(attachment.status).toBe(404);
    expect(structured(attachment.headers, 'ratelimit')).toMatchObject({ files: { r: '999' } });
  });
});

describe('by configuration', () => {
  let server: TestServer;
  beforeAll(async () => {
    const env = { ...standard, RATE_LIMIT_GENERAL: '2', RATE_LIMIT_SCALE: '3' };
    server = await startTestServer({ env });
  });
  afterAll(() => server.close());

  it('limits are others, and all multiplied', async () => {
    const headers = from(newAddress());
    const ask = () => call(server.url, 'GET', '/api/auth/check', { headers });
    const { counts } = await repeat(8, ask);
    expect(counts).toEqual({ 401: 6, 429: 2 });
  });

  it('every refusal is told at /metrics, by the name of the limit', async () => {
    const figure = async (): Promise<number> => {
      const { body } = await call<string>(server.url, 'GET', '/metrics');
      return Number(/^chat_rate_limited_total\{limit="general"\} (\d+)$/m.exec(body)?.[1]);
    };
    const before = await figure();
    const headers = from(newAddress());
    await repeat(9, () => call(server.url, 'GET', '/api/auth/check', { headers }));
    expect(await figure()).toBe(before + 3);
  });
});
