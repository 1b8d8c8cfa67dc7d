/** A direct conversation is made with its first message, and mended where half of it is missing. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Contact } from '../../src/protocol/types.ts';
import { call, type Person, signUp } from '../support/client.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const database = createDatabaseName();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ database });
});
afterAll(async () => {
  await server.close();
  await dropDatabase(database);
});

const send = async (from: Person, to: Person, text: string): Promise<void> => {
  const path = `/api/messages/send/${to.id}`;
  const { status } = await call(server.url, 'POST', path, { as: from, body: { text } });
  expect(status).toBe(201);
};
/** What somebody's sidebar says was written to them last by somebody else. */
async function lastFrom(other: Person, as: Person): Promise<string | undefined> {
  const { body } = await call<Contact[]>(server.url, 'GET', '/api/messages/users', { as });
  return body.find(({ _id }) => _id === other.id)?.lastMessage?.text;
}
const remove = (collection: string, filter: object): Promise<unknown> =>
  withDatabase(database, (db) => db.collection(collection).deleteMany(filter));
const restart = async (): Promise<void> => {
  await server.close();
  server = await startTestServer({ database });
};

it('is in both lists at once', async () => {
  const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
  expect(await lastFrom(ben, ann)).toBeUndefined();
  expect(await lastFrom(ann, ben)).toBeUndefined();
  await send(ann, ben, 'Hello');
  expect(await lastFrom(ben, ann)).toBe('Hello');
  expect(await lastFrom(ann, ben)).toBe('Hello');
});

it.each([
  ['its memberships', 'memberships', (one: Person) => ({ userId: one.id })],
  ['itself', 'conversations', (one: Person) => ({ _id: new RegExp(one.id) })],
])('is made whole by the next message when %s is missing', async (_what, collection, filter) => {
  const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
  await send(ann, ben, 'Hello');
  await remove(collection, filter(ben));
  await restart();
  expect(await lastFrom(ann, ben)).toBeUndefined();
  await send(ann, ben, 'Hello again');
  expect(await lastFrom(ann, ben)).toBe('Hello again');
  expect(await lastFrom(ben, ann)).toBe('Hello again');
});
