import { describe, expect, it } from 'vitest';
import type { Session, TokenGrant } from '../../src/protocol/types.ts';
import { eventually, listen, PASSWORD, type Person } from '../support/client.ts';
import { expectKeys, expectProblem, NOBODY, testTarget, untilClosed } from './target.ts';

const target = testTarget();

const takeToken = async (person: Person): Promise<TokenGrant> => {
  const body = { email: person.email, password: PASSWORD };
  const answer = await target.call<TokenGrant>('POST', '/api/auth/token', { body });
  expect(answer.status).toBe(200);
  return answer.body;
};
const bearer = ({ token }: TokenGrant) => ({ authorization: `Bearer ${token}` });
const sessionsOf = async (person: Person): Promise<Session[]> =>
  (await target.call<Session[]>('GET', '/api/auth/sessions', { as: person })).body;
const otherSession = async (person: Person): Promise<string> =>
  (await sessionsOf(person)).find(({ current }) => !current)?._id ?? '';
const end = (as: Person, id: string) => target.call('DELETE', `/api/auth/sessions/${id}`, { as });

describe('a token', () => {
  it('is given for e-mail address and password, without a cookie', async () => {
    const [ann] = await target.people('Ann');
    const body = { email: ann.email, password: PASSWORD };
    const answer = await target.call<TokenGrant>('POST', '/api/auth/token', { body });
    expectKeys(answer.body, ['token', 'expiresAt', 'user']);
    expect(answer.body.user).toMatchObject({ _id: ann.id, email: ann.email });
    expect(Date.parse(answer.body.expiresAt)).toBeGreaterThan(Date.now());
    expect(answer.headers.getSetCookie()).toEqual([]);
    const wrong = { ...body, password: 'wrong password' };
    expectProblem(
      await target.call('POST', '/api/auth/token', { body: wrong }),
      'wrong_credentials',
    );
  });

  it('signs requests in', async () => {
    const [ann] = await target.people('Ann');
    const headers = bearer(await takeToken(ann));
    const check = await target.call('GET', '/api/auth/check', { headers });
    expect(check).toMatchObject({ status: 200, body: { _id: ann.id } });
    const body = { fullName: 'Anna' };
    const update = await target.call('PUT', '/api/auth/update-profile', { headers, body });
    expect(update.status).toBe(200);
  });

  it('opens a socket', async () => {
    const [ann] = await target.people('Ann');
    const { token } = await takeToken(ann);
    expect((await target.open(ann, { token })).connected).toBe(true);
  });

  it.each(['nonsense', 'a.b.c', ''])('is refused when it is %j', async (token) => {
    const headers = { authorization: `Bearer ${token}` };
    expectProblem(await target.call('GET', '/api/auth/check', { headers }), 'unauthenticated');
    const cookie = { cookie: `jwt=${token}` };
    const check = await target.call('GET', '/api/auth/check', { headers: cookie });
    expectProblem(check, 'unauthenticated');
  });

  it('is refused when its content was changed', async () => {
    const [ann, eve] = await target.people('Ann', 'Eve');
    const [header, , signature] = eve.token.split('.');
    const forged = [header, ann.token.split('.')[1], signature].join('.');
    const headers = { authorization: `Bearer ${forged}` };
    expectProblem(await target.call('GET', '/api/auth/check', { headers }), 'unauthenticated');
  });
});

describe('the own sessions', () => {
  it('are listed, the asking one marked', async () => {
    const [ann] = await target.people('Ann');
    await takeToken(ann);
    const sessions = await sessionsOf(ann);
    expect(sessions.map(({ current }) => current).sort()).toEqual([false, true]);
    for (const session of sessions) {
      expectKeys(session, ['_id', 'createdAt', 'lastUsedAt', 'expiresAt', 'userAgent', 'current']);
    }
  });

  it('are ended by their owner alone', async () => {
    const [ann, eve] = await target.people('Ann', 'Eve');
    const grant = await takeToken(ann);
    const id = await otherSession(ann);
    expectProblem(await end(eve, id), 'not_found');
    expectProblem(await end(ann, NOBODY), 'not_found');
    expectProblem(await end(ann, 'nonsense'), 'invalid_input');
    const check = () => target.call('GET', '/api/auth/check', { headers: bearer(grant) });
    expect((await check()).status).toBe(200);
    expect((await end(ann, id)).status).toBe(200);
    await eventually(async () => expectProblem(await check(), 'unauthenticated'));
    expect((await target.call('GET', '/api/auth/check', { as: ann })).status).toBe(200);
  });

  it('tell their sockets when they are ended, and cut them', async () => {
    const [ann] = await target.people('Ann');
    const other = await target.open(ann, { token: (await takeToken(ann)).token });
    const kept = await target.open(ann);
    const told = listen(other, 'sessionRevoked');
    await end(ann, await otherSession(ann));
    expect(await told.until()).toEqual({ message: expect.any(String) });
    await untilClosed(other);
    expect(kept.connected).toBe(true);
  });

  it('are ended by logging out, with their sockets', async () => {
    const [ann] = await target.people('Ann');
    const socket = await target.open(ann);
    const told = listen(socket, 'sessionRevoked');
    await target.call('POST', '/api/auth/logout', { as: ann });
    await told.until();
    await untilClosed(socket);
    await expect(target.open(ann)).rejects.toMatchObject({ data: { code: 'unauthenticated' } });
  });
});
