/** How often a password may be guessed, and that its owner gets in all the same. */
import { describe, expect, it } from 'vitest';
import { call, PASSWORD, type Person, type Response } from '../support/client.ts';
import {
  countsOf,
  from,
  modes,
  newAddress,
  newPerson,
  type Refusal,
  repeat,
  retryAfterOf,
  structured,
  useInstances,
} from './instances.ts';

describe.each(modes)('%s', (mode) => {
  const { url } = useInstances(mode);

  interface Try {
    password?: string;
    address?: string;
    cookie?: string;
    path?: string;
  }
  const WRONG = 'not the password';
  const login = (email: string, given: Try = {}): Promise<Response<Refusal>> =>
    call<Refusal>(url(), 'POST', given.path ?? '/api/auth/login', {
      body: { email, password: given.password ?? WRONG },
      headers: {
        ...from(given.address ?? newAddress()),
        ...(given.cookie === undefined ? {} : { cookie: given.cookie }),
      },
    });
  const right = (person: Person, given: Try = {}) =>
    login(person.email, { ...given, password: PASSWORD });
  /** The cookie of a browser that logs in. */
  async function deviceOf(person: Person, given: Try = {}): Promise<string> {
    const { headers } = await right(person, given);
    const cookie = headers.getSetCookie().find((one) => one.startsWith('device='));
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict$/);
    return cookie?.split(';')[0] ?? '';
  }

  it('5 attempts in 15 minutes at one account from one address', async () => {
    const [ann, ben] = [await newPerson(url()), await newPerson(url())];
    const address = newAddress();
    const { counts, last } = await repeat(6, (index) =>
      // Both ways in count together, and so does each way to write the address.
      login(index % 2 === 0 ? ann.email : ann.email.toUpperCase(), {
        address,
        path: index % 3 === 0 ? '/api/auth/token' : '/api/auth/login',
      }),
    );
    expect(counts).toEqual({ 401: 5, 429: 1 });
    const wait = retryAfterOf(last);
    expect(wait).toBeGreaterThan(14 * 60);
    expect(wait).toBeLessThanOrEqual(15 * 60);
    expect(last.body.detail).toBe('Too many attempts to log in. Please try again in 15 minutes.');
    expect(structured(last.headers, 'ratelimit').login).toMatchObject({ r: '0' });
    expect(structured(last.headers, 'ratelimit-policy').login).toMatchObject({ q: '5', w: '900' });
    // Not even with the right password; but from elsewhere, and somebody else from here.
    expect((await right(ann, { address })).status).toBe(429);
    expect((await right(ann)).status).toBe(200);
    expect((await right(ben, { address })).status).toBe(200);
  });

  it('counts attempts that come all at once', async () => {
    const ann = await newPerson(url());
    const address = newAddress();
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => login(ann.email, { address })),
    );
    expect(countsOf(answers)).toEqual({ 401: 5, 429: 7 });
  });

  it('a success clears them, on every instance', async () => {
    const ann = await newPerson(url());
    const address = newAddress();
    for (let round = 1; round <= 3; round++) {
      expect((await repeat(4, () => login(ann.email, { address }))).counts).toEqual({ 401: 4 });
      expect((await right(ann, { address })).status).toBe(200);
    }
    const { counts } = await repeat(6, () => login(ann.email, { address }));
    expect(counts).toEqual({ 401: 5, 429: 1 });
  });

  it('50 failed attempts in 15 minutes from one address, whatever the account', async () => {
    const address = newAddress();
    const ann = await newPerson(url());
    // Those who succeed are no guessers.
    expect((await repeat(20, () => right(ann, { address }))).counts).toEqual({ 200: 20 });
    const { counts, last } = await repeat(52, (index) =>
      login(`nobody-${index}@example.org`, { address }),
    );
    expect(counts).toEqual({ 401: 50, 429: 2 });
    expect(last.body.detail).toMatch(/log in from your address/);
    retryAfterOf(last);
  });

  it('50 failed attempts an hour at one account, wherever from', async () => {
    const ann = await newPerson(url());
    const { counts, last } = await repeat(52, () => login(ann.email));
    expect(counts).toEqual({ 401: 50, 429: 2 });
    expect(retryAfterOf(last)).toBeGreaterThan(45 * 60);
    expect(last.body.detail).toMatch(/log in to this account/);
    // The same without an account: nobody learns whether there is one.
    const nobody = `nobody-${ann.email}`;
    expect((await repeat(52, () => login(nobody))).counts).toEqual({ 401: 50, 429: 2 });
  });

  it('one address that goes on after its refusal does not use up the account', async () => {
    const ann = await newPerson(url());
    const address = newAddress();
    await repeat(70, () => login(ann.email, { address }));
    expect((await right(ann)).status).toBe(200);
  });

  it('a browser that has logged in before is not locked out by what others do', async () => {
    const ann = await newPerson(url());
    const home = newAddress();
    const cookie = await deviceOf(ann, { address: home });
    // From everywhere, and from the very same address.
    await repeat(50, () => login(ann.email));
    await repeat(6, () => login(ann.email, { address: home }));
    expect((await right(ann)).status).toBe(429);
    expect((await right(ann, { address: home })).status).toBe(429);
    expect((await right(ann, { address: home, cookie })).status).toBe(200);
    expect((await right(ann, { cookie })).status).toBe(200);
  });

  it('but guesses no more than 5 times itself, wherever it is', async () => {
    const ann = await newPerson(url());
    const cookie = await deviceOf(ann);
    expect((await repeat(6, () => login(ann.email, { cookie }))).counts).toEqual({
      401: 5,
      429: 1,
    });
  });

  it('is known to the accounts it logged in to, and to no other', async () => {
    const [ann, ben, victim] = [
      await newPerson(url()),
      await newPerson(url()),
      await newPerson(url()),
    ];
    const cookie = await deviceOf(ben, { cookie: await deviceOf(ann) });
    for (const person of [ann, ben, victim]) await repeat(50, () => login(person.email));
    expect((await right(ann, { cookie })).status).toBe(200);
    expect((await right(ben, { cookie })).status).toBe(200);
    expect((await right(victim, { cookie })).status).toBe(429);
    const forged = cookie.replace(/\.[\w-]{3}/g, '.AAA');
    expect(forged).not.toBe(cookie);
    expect((await right(ann, { cookie: forged })).status).toBe(429);
  });
});
