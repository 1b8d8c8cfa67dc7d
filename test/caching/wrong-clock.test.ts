/** Times that a wrong clock, or a seed, dated ahead do not hide what changes before they come. */
import type { mongo } from 'mongoose';
import { afterEach, describe, expect, it } from 'vitest';
import type { Contact, User } from '../../src/protocol/types.ts';
import { call, connect, eventually, listen, type Person, signUp } from '../support/client.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** Far below the time for which heads and profiles are held. */
const WITHIN_MS = 7_000;
const HOUR_MS = 60 * 60_000;
const id24 = (digit: string): string => digit.repeat(24);

const database = createDatabaseName();
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
  await dropDatabase(database);
});

async function start(): Promise<TestServer> {
  const server = await startTestServer({ database });
  open.push(server);
  return server;
}

const change = (work: (db: mongo.Db) => Promise<void>) => withDatabase(database, work);

/** Dates the last change of everything ahead of the database's time. */
const dateAhead = (ms: number) =>
  change(async (db) => {
    const ahead = new Date((await dateOfDatabase(db)) + ms);
    for (const [collection, field] of [
      ['conversations', 'headAt'],
      ['memberships', 'readAt'],
      ['users', 'changedAt'],
    ] as const) {
      await db.collection(collection).updateMany({}, { $set: { [field]: ahead } });
    }
  });

const dateOfDatabase = async (db: mongo.Db): Promise<number> =>
  ((await db.admin().command({ hello: 1 })).localTime as Date).getTime();

/**
 * Stores a message as another instance would, whose words never come.
 * @param aheadMs how far ahead the move of the head is dated; absent: not at all
 */
async function storeSilently(
  db: mongo.Db,
  [ann, ben]: [Person, Person],
  seq: number,
  aheadMs?: number,
): Promise<void> {
  const conversationId = [ann.id, ben.id].sort().join('-');
  const now = new Date();
  const _id = id24(String(seq));
  const message = { _id, conversationId, seq, senderId: ann.id, clientId: _id, text: `${seq}` };
  await db.collection<{ _id: string }>('messages').insertOne({
    ...message,
    ...{ contentHash: '', rev: 0, createdAt: now, updatedAt: now },
  } as never);
  const last = { seq, id: _id, at: now };
  const headAt = new Date((await dateOfDatabase(db)) + (aheadMs ?? 0));
  await db
    .collection<{ _id: string }>('conversations')
    .updateOne(
      { _id: conversationId },
      aheadMs === undefined
        ? { $set: { last }, $currentDate: { headAt: true } }
        : { $set: { last, headAt } },
    );
}

const changeSilently = (ann: Person, ben: Person) =>
  change(async (db) => {
    const conversationId = [ann.id, ben.id].sort().join('-');
    await storeSilently(db, [ann, ben], 2);
    await db
      .collection('memberships')
      .updateOne(
        { userId: ben.id, conversationId },
        { $set: { readSeq: 1 }, $currentDate: { readAt: true } },
      );
    await db
      .collection<{ _id: string }>('users')
      .updateOne(
        { _id: ann.id },
        { $set: { fullName: 'Anna' }, $currentDate: { changedAt: true } },
      );
  });

async function begin(url: string): Promise<[Person, Person]> {
  const [ann, ben] = [await signUp(url, 'Ann'), await signUp(url, 'Ben')];
  const path = `/api/messages/send/${ben.id}`;
  await call(url, 'POST', path, { as: ann, body: { text: 'one' } });
  const conversationId = [ann.id, ben.id].sort().join('-');
  // Its head follows the message, dated by the right clock.
  await eventually(() =>
    change(async (db) => {
      const head = await db
        .collection<{ _id: string }>('conversations')
        .findOne({ _id: conversationId });
      expect(head).toMatchObject({ last: { seq: 1 } });
    }),
  );
  return [ann, ben];
}

async function expectSeen(url: string, ann: Person, ben: Person): Promise<void> {
  const contact = async () => {
    const { body } = await call<Contact[]>(url, 'GET', '/api/messages/users', { as: ben });
    return body.find(({ _id }) => _id === ann.id);
  };
  const name = async () =>
    (await call<User>(url, 'GET', `/api/users/${ann.id}`, { as: ben })).body.fullName;
  expect([await contact(), await name()]).toMatchObject([
    { unreadCount: 1, lastMessage: { seq: 1 } },
    'Ann',
  ]);
  const socket = await connect(url, ben);
  open.push(socket);
  const heads = listen(socket, 'conversationHeads');
  await heads.until();
  await changeSilently(ann, ben);
  const began = performance.now();
  await eventually(async () => {
    // All but the first was read.
    expect(await contact()).toMatchObject({ unreadCount: 1, lastMessage: { seq: 2 } });
    expect(await name()).toBe('Anna');
  });
  await heads.until((list) => list.some(({ seq }) => seq === 2));
  expect(performance.now() - began).toBeLessThan(WITHIN_MS);
}

it('what is dated ahead is not read again at each look', async () => {
  const { url } = await start();
  await begin(url);
  await dateAhead(HOUR_MS);
  await withDatabase(database, async (db) => {
    await db.command({ profile: 2 });
    const looks = { ns: `${database}.users`, 'command.filter.changedAt': { $exists: true } };
    await eventually(async () => {
      const [last] = await db
        .collection('system.profile')
        .find(looks)
        .sort({ ts: -1 })
        .limit(1)
        .toArray();
      expect(last?.nreturned).toBe(0);
    });
    await db.command({ profile: 0 });
  });
});

describe('what changes is found', () => {
  it('by an instance that starts with times an hour ahead', async () => {
    const first = await start();
    const [ann, ben] = await begin(first.url);
    await first.close();
    open.pop();
    await dateAhead(HOUR_MS);
    const { url } = await start();
    await expectSeen(url, ann, ben);
  });

  it.each([9_500, HOUR_MS])('by one that lives while times %i ms ahead come', async (ms) => {
    const { url } = await start();
    const [ann, ben] = await begin(url);
    await dateAhead(ms);
    // It has looked since: who is dated so little ahead is found, with what is new.
    const { id } = await signUp(url, 'Cleo');
    await change(async (db) => {
      await db
        .collection<{ _id: string }>('users')
        .updateOne({ _id: id }, { $set: { fullName: 'Clea' }, $currentDate: { changedAt: true } });
    });
    await eventually(async () => {
      const { body } = await call<User>(url, 'GET', `/api/users/${id}`, { as: ann });
      expect(body.fullName).toBe('Clea');
    });
    await expectSeen(url, ann, ben);
  });

  it('and told to clients, after one that was dated ahead', async () => {
    const { url } = await start();
    const [ann, ben] = await begin(url);
    const socket = await connect(url, ben);
    open.push(socket);
    const heads = listen(socket, 'conversationHeads');
    await change((db) => storeSilently(db, [ann, ben], 2, 9_500));
    await heads.until((list) => list.some(({ seq }) => seq === 2));
    await change((db) => storeSilently(db, [ann, ben], 3));
    await heads.until((list) => list.some(({ seq }) => seq === 3));
  });
});
