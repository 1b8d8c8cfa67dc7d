/**
 * Who left a group is announced, and no look at what changed would find it: while announcements
 * do not come, copies of memberships are not used.
 */
import { expect, it } from 'vitest';
import type { Group } from '../../src/protocol/types.ts';
import { call, eventually, signUp } from '../support/client.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';

it('memberships are read anew while announcements do not come', async () => {
  const database = createDatabaseName();
  const { url, close } = await startTestServer({ database });
  try {
    const [ann, ben] = [await signUp(url, 'Ann'), await signUp(url, 'Ben')];
    const body = { name: 'Friends', memberIds: [ben.id] };
    const { _id } = (await call<Group>(url, 'POST', '/api/groups', { as: ann, body })).body;
    const groups = async () => (await call<Group[]>(url, 'GET', '/api/groups', { as: ben })).body;
    expect(await groups()).toHaveLength(1);
    await withDatabase(database, async (db) => {
      // Nothing can be heard of a view, nor written to it.
      await db.dropCollection('bus');
      await db.createCollection('bus', { viewOn: 'users', pipeline: [] });
      await db.collection('memberships').deleteOne({ conversationId: _id, userId: ben.id });
    });
    await eventually(async () => expect(await groups()).toEqual([]));
  } finally {
    await close();
    await dropDatabase(database);
  }
});
