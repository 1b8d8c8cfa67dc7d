/** What is held is of the history that is there, also when a backup undid what came after it. */
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { afterAll, describe, expect, inject, it } from 'vitest';
import {
  createMessageStore,
  type MessageRecord,
} from '../../src/features/messages/messages.store.ts';
import { withoutCaches } from '../../src/infra/cache.ts';
import type { Message } from '../../src/protocol/types.ts';
import { call, eventually, type Person, signUp } from '../support/client.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';
import { databaseUri } from '../support/program.ts';
import { startTestServer } from '../support/server.ts';

const database = createDatabaseName();
afterAll(() => dropDatabase(database));

type Dump = Map<string, mongoose.mongo.Document[]>;

const dump = (): Promise<Dump> =>
  withDatabase(database, async (db) => {
    const found: Dump = new Map();
    for (const { collectionName } of await db.collections()) {
      found.set(collectionName, await db.collection(collectionName).find().toArray());
    }
    return found;
  });

const restore = (backup: Dump): Promise<void> =>
  withDatabase(database, async (db) => {
    for (const { collectionName } of await db.collections()) {
      await db.collection(collectionName).deleteMany({});
      const documents = backup.get(collectionName) ?? [];
      if (documents.length > 0) await db.collection(collectionName).insertMany(documents);
    }
  });

it('older pages in Redis are not those of the history that a backup undid', async () => {
  const first = await startTestServer({ database });
  const [ann, ben] = [await signUp(first.url, 'Ann'), await signUp(first.url, 'Ben')];
  const conversationId = [ann.id, ben.id].sort().join('-');
  const write = async (url: string, texts: string[]) => {
    for (const text of texts) {
      const path = `/api/messages/send/${ben.id}`;
      await call(url, 'POST', path, { as: ann, body: { text } });
    }
  };
  const older = async (url: string, as: Person) => {
    const path = `/api/messages/${ann.id}?before=5`;
    return (await call<Message[]>(url, 'GET', path, { as })).body.map(({ text }) => text);
  };
  await write(first.url, ['one', 'two']);
  // The heads follow their messages.
  const backup = await eventually(async () => {
    const found = await dump();
    expect(found.get('conversations')).toMatchObject([{ last: { seq: 2 } }]);
    return found;
  });
  await write(first.url, ['three', 'four', 'five']);
  expect(await older(first.url, ben)).toEqual(['one', 'two', 'three', 'four']);
  const redis = new Redis(inject('redisUrl'));
  await eventually(async () =>
    expect(await redis.keys(`*:cache:pages:${conversationId}:0:b5:*`)).toHaveLength(1),
  );
  redis.disconnect();
  await first.close();
  await restore(backup);
  const next = await startTestServer({ database });
  try {
    await write(next.url, ['another three', 'another four', 'another five']);
    expect(await older(next.url, ben)).toEqual(['one', 'two', 'another three', 'another four']);
  } finally {
    await next.close();
  }
});

describe('the newest messages that a process holds', () => {
  const connection = mongoose.createConnection(databaseUri(database));
  afterAll(() => connection.close());
  const caches = { ...withoutCaches(), enabled: true };
  const store = createMessageStore(connection, caches);
  const messages = connection.collection<MessageRecord>('messages');

  const idOf = (digit: string): string => digit.repeat(24);
  /** The message `seq` of a history; each history names its own. */
  async function put(conversationId: string, seq: number, digit: string): Promise<void> {
    const createdAt = new Date();
    const _id = idOf(digit);
    const content = { senderId: idOf('f'), clientId: _id, text: digit, contentHash: '' };
    const times = { rev: 0, createdAt, updatedAt: createdAt };
    await messages.deleteOne({ conversationId, seq });
    await messages.insertOne({ _id, conversationId, seq, ...content, ...times });
  }
  async function texts(conversationId: string, seq: number, digit: string): Promise<string[]> {
    const state = { _id: conversationId, seq, rev: 0, lastId: idOf(digit) };
    const { json } = await store.page(conversationId, async () => state, { limit: 50 }, 0);
    return (JSON.parse(String(json)) as Message[]).map(({ text }) => text);
  }

  it('are not continued by messages of another history', async () => {
    const conversationId = idOf('a');
    for (const [index, digit] of ['1', '2', '3'].entries()) {
      await put(conversationId, index + 1, digit);
    }
    expect(await texts(conversationId, 3, '3')).toEqual(['1', '2', '3']);
    await put(conversationId, 3, '4');
    await put(conversationId, 4, '5');
    expect(await texts(conversationId, 4, '5')).toEqual(['1', '2', '4', '5']);
  });

  it('are not shown when the last one is another', async () => {
    const conversationId = idOf('b');
    for (const [index, digit] of ['6', '7'].entries()) await put(conversationId, index + 1, digit);
    expect(await texts(conversationId, 2, '7')).toEqual(['6', '7']);
    await put(conversationId, 2, '8');
    expect(await texts(conversationId, 2, '8')).toEqual(['6', '8']);
  });
});
