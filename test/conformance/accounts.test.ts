import { describe, expect, it } from 'vitest';
import type { Account, OwnUser } from '../../src/protocol/types.ts';
import { listen, PASSWORD } from '../support/client.ts';
import { expectKeys, expectProblem, newAccount, PNG, testTarget } from './target.ts';

const target = testTarget();
const post = <T = Account>(path: string, body: unknown) =>
  target.call<T>('POST', `/api/auth/${path}`, { body });

describe('signing up', () => {
  it('answers 201 with the account and nothing more', async () => {
    const account = newAccount();
    const { status, body } = await post('signup', account);
    expect(status).toBe(201);
    expect(body).toEqual({
      _id: expect.stringMatching(/^[0-9a-f]{24}$/),
      fullName: 'Jane Doe',
      email: account.email,
      profilePic: '',
    });
  });

  it('sets the cookie jwt, for seven days and out of reach of scripts', async () => {
    const { headers } = await post('signup', newAccount());
    const cookie = headers.getSetCookie().find((one) => one.startsWith('jwt=')) ?? '';
    const [, ...attributes] = cookie.split(/; */);
    const given = new Map(
      attributes.map((attribute) => {
        const [name = '', value = ''] = attribute.split('=');
        return [name.toLowerCase(), value];
      }),
    );
    expect(given.has('httponly')).toBe(true);
    expect(given.get('samesite')).toBe('Strict');
    expect(given.get('path')).toBe('/');
    expect(given.has('secure')).toBe(target.url.startsWith('https:'));
    const lasts = given.has('max-age')
      ? Number(given.get('max-age'))
      : (Date.parse(given.get('expires') ?? '') - Date.parse(headers.get('date') ?? '')) / 1_000;
    expect(Math.abs(lasts - 7 * 24 * 60 * 60)).toBeLessThan(60);
  });

  it('takes an e-mail address once, in any case', async () => {
    const account = newAccount();
    await post('signup', account);
    const again = await post('signup', { ...account, email: account.email.toUpperCase() });
    expectProblem(again, 'email_taken');
  });

  it('refuses a password of less than 8 characters, and says so', async () => {
    const refused = await post('signup', { ...newAccount(), password: '1234567' });
    expectProblem(refused, 'invalid_input');
    expect(refused.body).toMatchObject({
      message: expect.stringMatching(/8 characters/),
      errors: [{ path: 'password' }],
    });
  });

  it.each(['fullName', 'email', 'password'])('needs %s', async (field) => {
    const refused = await post('signup', { ...newAccount(), [field]: undefined });
    expectProblem(refused, 'invalid_input');
    expect(refused.body).toMatchObject({ errors: [{ path: field }] });
  });

  it('is told to those who are connected, without the e-mail address', async () => {
    const [ann] = await target.people('Ann');
    const told = listen(await target.open(ann), 'userUpdated');
    const { body } = await post('signup', newAccount());
    const user = await told.until(({ _id }) => _id === body._id);
    expect(user).not.toHaveProperty('email');
  });
});

describe('logging in', () => {
  it('answers 200 with the account, and opens a session', async () => {
    const account = newAccount();
    const signedUp = await post('signup', account);
    const answer = await post('login', {
      email: account.email.toUpperCase(),
      password: account.password,
    });
    expect(answer).toMatchObject({ status: 200, body: signedUp.body });
    expectKeys(answer.body, ['_id', 'fullName', 'email', 'profilePic']);
    const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const check = await target.call('GET', '/api/auth/check', { headers: { cookie } });
    expect(check.status).toBe(200);
  });

  it('has the same words for an unknown e-mail address and a wrong password', async () => {
    const [ann] = await target.people('Ann');
    const wrong = await post<object>('login', { email: ann.email, password: 'wrong password' });
    const { email } = newAccount();
    const unknown = await post<object>('login', { email, password: PASSWORD });
    for (const answer of [wrong, unknown]) expectProblem(answer, 'wrong_credentials');
    const words = ({ body }: { body: object }) => ({ ...body, requestId: '' });
    expect(words(unknown)).toEqual(words(wrong));
    expect(wrong.headers.getSetCookie()).toEqual([]);
  });
});

describe('the own user', () => {
  it('is given to the person alone, without a trace of the password', async () => {
    const [ann] = await target.people('Ann');
    const { status, body } = await target.call<OwnUser>('GET', '/api/auth/check', { as: ann });
    expect(status).toBe(200);
    expectKeys(
      body,
      ['_id', 'fullName', 'email', 'profilePic', 'createdAt', 'lastSeenAt'],
      ['online'],
    );
    expect(body).toMatchObject({ _id: ann.id, fullName: 'Ann', email: ann.email, profilePic: '' });
    for (const time of [body.createdAt, body.lastSeenAt]) {
      expect(new Date(time).toISOString()).toBe(time);
    }
    expectProblem(await target.call('GET', '/api/auth/check'), 'unauthenticated');
  });

  it('gets another name and another picture', async () => {
    const [ann] = await target.people('Ann');
    const update = (body: unknown) =>
      target.call<OwnUser>('PUT', '/api/auth/update-profile', { as: ann, body });
    expect((await update({ fullName: 'Anna' })).body).toMatchObject({ fullName: 'Anna' });
    const { status, body } = await update({ profilePic: PNG });
    expect(status).toBe(200);
    expect(body).toMatchObject({ _id: ann.id, email: ann.email, fullName: 'Anna' });
    const picture = await fetch(new URL(body.profilePic, target.url), {
      headers: { cookie: ann.cookie },
    });
    expect(picture.headers.get('content-type')).toMatch(/^image\//);
    await picture.arrayBuffer();
  });

  it.each([null, ''])('keeps what is given as %j', async (nothing) => {
    const [ann] = await target.people('Ann');
    const update = (body: unknown) =>
      target.call<OwnUser>('PUT', '/api/auth/update-profile', { as: ann, body });
    const before = await update({ profilePic: PNG });
    const after = await update({ profilePic: nothing, fullName: 'Anna' });
    expect(after.body).toEqual({ ...before.body, fullName: 'Anna' });
    const kept = await update({ profilePic: PNG, fullName: nothing });
    expect(kept).toMatchObject({ status: 200, body: { fullName: 'Anna' } });
  });
});

describe('logging out', () => {
  it('ends the session and clears the cookie', async () => {
    const [ann] = await target.people('Ann');
    const out = await target.call('POST', '/api/auth/logout', { as: ann });
    expect(out.status).toBe(200);
    expect(out.body).toEqual({ message: expect.any(String) });
    expect(out.headers.getSetCookie()).toContainEqual(expect.stringMatching(/^jwt=;/));
    expectProblem(await target.call('GET', '/api/auth/check', { as: ann }), 'unauthenticated');
  });
});
