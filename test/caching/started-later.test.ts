/** Copies in Redis outlive the instance that knew that they are out of date. */
import { afterAll, expect, it } from 'vitest';
import type { Group, User } from '../../src/protocol/types.ts';
import { call, eventually, type Person, signUp } from '../support/client.ts';
import { createDatabaseName, dropDatabase } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';

const database = createDatabaseName();
afterAll(() => dropDatabase(database));

it('an instance that starts uses no copy from before it heard of changes', async () => {
  const first = await startTestServer({ database });
  // While one lives, copies are handed on to who starts.
  const other = await startTestServer({ database });
  const seesOne = async (url: string) => {
    const { body } = await call<{ instance: { peers: string[] } }>(url, 'GET', '/health');
    expect(body.instance.peers).toHaveLength(1);
  };
  await eventually(() => seesOne(first.url));
  const ask = async <T>(url: string, method: string, path: string, as: Person, body?: object) =>
    (await call<T>(url, method, path, { as, ...(body === undefined ? {} : { body }) })).body;
  const [ann, ben] = [await signUp(first.url, 'Ann'), await signUp(first.url, 'Ben')];
  const profile = { name: 'Friends', memberIds: [ben.id] };
  const { _id } = await ask<Group>(first.url, 'POST', '/api/groups', ann, profile);
  // What Redis then holds: Ben as he was, and as a member.
  expect(await ask<Group[]>(first.url, 'GET', '/api/groups', ben)).toHaveLength(1);
  expect(await ask(first.url, 'GET', `/api/users/${ben.id}`, ann)).toMatchObject({
    fullName: 'Ben',
  });
  await ask(first.url, 'PUT', '/api/auth/update-profile', ben, { fullName: 'Benedict' });
  await ask(first.url, 'DELETE', `/api/groups/${_id}/members/${ben.id}`, ann);
  await first.close();
  const next = await startTestServer({ database });
  try {
    await eventually(() => seesOne(next.url));
    expect(await ask<Group[]>(next.url, 'GET', '/api/groups', ben)).toEqual([]);
    const seen = await ask<User>(next.url, 'GET', `/api/users/${ben.id}`, ann);
    expect(seen.fullName).toBe('Benedict');
  } finally {
    await Promise.all([next.close(), other.close()]);
  }
});
