/**
 * What another instance changed is read within 2 s, also when its word of it never came: here
 * the database is changed as another instance would, and nobody says so.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Contact, Message, User } from '../../src/protocol/types.ts';
import { call, eventually, type Person, signUp } from '../support/client.ts';
import { withDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** The bound, and time for a busy machine; without the poll it would be a minute and more. */
const WITHIN_MS = 5_000;
const id24 = (digit: string): string => digit.repeat(24);

describe('without a word of it', () => {
  let server: TestServer;
  let ann: Person;
  let ben: Person;
  let conversationId: string;
  beforeAll(async () => {
    server = await startTestServer();
    [ann, ben] = [await signUp(server.url, 'Ann'), await signUp(server.url, 'Ben')];
    conversationId = [ann.id, ben.id].sort().join('-');
    for (const text of ['one', 'two']) {
      const path = `/api/messages/send/${ben.id}`;
      await call(server.url, 'POST', path, { as: ann, body: { text } });
    }
  });
  afterAll(() => server.close());

  const change = (work: Parameters<typeof withDatabase>[1]) =>
    withDatabase(new URL(server.config.mongodb.uri).pathname.slice(1), work);
  const history = async (as: Person, of: Person) =>
    (await call<Message[]>(server.url, 'GET', `/api/messages/${of.id}`, { as })).body;
  const contact = async (as: Person, of: Person) => {
    const { body } = await call<Contact[]>(server.url, 'GET', '/api/messages/users', { as });
    return body.find(({ _id }) => _id === of.id);
  };

  /** It is asked again and again, so that what is held stays in use. */
  async function soon(check: () => Promise<void>): Promise<void> {
    const began = performance.now();
    await eventually(check);
    expect(performance.now() - began).toBeLessThan(WITHIN_MS);
  }

  async function store(seq: number, _id: string): Promise<void> {
    await change(async (db) => {
      const now = new Date();
      const message = { _id, conversationId, seq, senderId: ann.id, clientId: _id, text: _id };
      await db.collection<{ _id: string }>('messages').insertOne({
        ...message,
        ...{ contentHash: '', rev: 0, createdAt: now, updatedAt: now },
      } as never);
      await db.collection<{ _id: string }>('conversations').updateOne(
        { _id: conversationId },
        {
          $max: { last: { seq, id: _id, at: now }, [`sent.${ann.id}`]: seq },
          $currentDate: { headAt: true },
        },
      );
    });
  }

  it('messages are in the history and in the sidebar', async () => {
    expect((await history(ben, ann)).map(({ seq }) => seq)).toEqual([1, 2]);
    expect(await contact(ben, ann)).toMatchObject({ unreadCount: 2 });
    await store(3, id24('a'));
    await soon(async () => {
      expect((await history(ben, ann)).map(({ seq }) => seq)).toEqual([1, 2, 3]);
      expect(await contact(ben, ann)).toMatchObject({ unreadCount: 3, lastMessage: { seq: 3 } });
      expect(await contact(ann, ben)).toMatchObject({ unreadCount: 0 });
    });
  });

  it('changes of messages are in every page', async () => {
    const older = async () => {
      const path = `/api/messages/${ann.id}?before=3`;
      return (await call<Message[]>(server.url, 'GET', path, { as: ben })).body[0]?.text;
    };
    expect(await older()).toBe('one');
    expect((await history(ben, ann))[0]?.text).toBe('one');
    await change(async (db) => {
      await db
        .collection('messages')
        .updateOne({ conversationId, seq: 1 }, { $set: { text: 'changed', rev: 1 } });
      await db
        .collection<{ _id: string }>('conversations')
        .updateOne({ _id: conversationId }, { $max: { rev: 1 }, $currentDate: { headAt: true } });
    });
    await soon(async () => {
      expect(await older()).toBe('changed');
      expect((await history(ben, ann))[0]?.text).toBe('changed');
    });
  });

  it('reading positions count', async () => {
    expect(await contact(ben, ann)).toMatchObject({ unreadCount: 3 });
    await change((db) =>
      db
        .collection('memberships')
        .updateOne(
          { userId: ben.id, conversationId },
          { $set: { readSeq: 2 }, $currentDate: { readAt: true } },
        ),
    );
    await soon(async () => expect(await contact(ben, ann)).toMatchObject({ unreadCount: 1 }));
  });

  it('profiles and the directory are as they are', async () => {
    const cleo = await signUp(server.url, 'Cleo');
    const profile = async () =>
      (await call<User>(server.url, 'GET', `/api/users/${cleo.id}`, { as: ann })).body.fullName;
    const names = async () => {
      const { body } = await call<Contact[]>(server.url, 'GET', '/api/messages/users', { as: ann });
      return body.map(({ fullName }) => fullName);
    };
    expect([await profile(), await names()]).toEqual(['Cleo', ['Ben', 'Cleo']]);
    await change((db) =>
      db
        .collection<{ _id: string }>('users')
        .updateOne(
          { _id: cleo.id },
          { $set: { fullName: 'Aida' }, $currentDate: { changedAt: true } },
        ),
    );
    await soon(async () => {
      expect([await profile(), await names()]).toEqual(['Aida', ['Ben', 'Aida']]);
    });
  });

  it('a conversation that somebody else began is there', async () => {
    const dora = await signUp(server.url, 'Dora');
    expect(await contact(dora, ann)).toMatchObject({ unreadCount: 0 });
    const _id = [ann.id, dora.id].sort().join('-');
    await change(async (db) => {
      const last = { seq: 1, id: id24('b'), at: new Date() };
      const head = { kind: 'direct', last, rev: 0, sent: { [ann.id]: 1 }, membersVersion: 0 };
      for (const [digit, userId] of [
        ['c', ann.id],
        ['d', dora.id],
      ] as const) {
        const membership = { role: 'member', joinedAt: new Date(), fromSeq: 0, readSeq: 0 };
        await db
          .collection<{ _id: string }>('memberships')
          .insertOne({ _id: id24(digit), userId, conversationId: _id, ...membership } as never);
      }
      const conversations = db.collection<{ _id: string }>('conversations');
      await conversations.insertOne({ _id, ...head, createdAt: new Date() } as never);
      await conversations.updateOne({ _id }, { $currentDate: { headAt: true } });
    });
    await soon(async () => expect(await contact(dora, ann)).toMatchObject({ unreadCount: 1 }));
  });
});
