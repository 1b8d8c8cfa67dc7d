/** Changes by two instances at once: one order, nothing lost, and everybody is told. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Contact, Message, SyncResult } from '../../src/protocol/types.ts';
import { call, connect, emit, eventually, listen, type Person, signUp } from '../support/client.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';
import {
  startTestCluster,
  startTestServer,
  type TestCluster,
  type TestServer,
} from '../support/server.ts';

/** A red dot: 1 × 1 pixel. */
const PNG =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

describe.each([
  { name: 'with Redis', options: {} },
  { name: 'without Redis', options: { redisUrl: 'off' } },
])('two instances $name', ({ options }) => {
  let cluster: TestCluster;
  let ann: Person;
  let ben: Person;
  beforeAll(async () => {
    cluster = await startTestCluster(options);
    [ann, ben] = await Promise.all([signUp(cluster.a.url, 'Ann'), signUp(cluster.b.url, 'Ben')]);
  });
  afterAll(() => cluster.close());

  const post = async (text: string) => {
    const path = `/api/messages/send/${ben.id}`;
    const { body } = await call<Message>(cluster.a.url, 'POST', path, { as: ann, body: { text } });
    return body;
  };
  const historyAt = async (url: string) => {
    const { body } = await call<Message[]>(url, 'GET', `/api/messages/${ann.id}`, { as: ben });
    return body;
  };

  it('tell each other, also who reads there what was cached before', async () => {
    const message = await post('helo');
    const { a, b } = cluster;
    await eventually(async () => expect(await historyAt(b.url)).toContainEqual(message));
    const socket = await connect(b.url, ben);
    const kinds = ['messageUpdated', 'messageReaction', 'messageDeleted'] as const;
    const ears = kinds.map((kind) => listen(socket, kind));
    const path = `/api/messages/${message._id}`;
    const calls = [
      ['PATCH', path, { text: 'hello' }],
      ['PUT', `${path}/reactions/%F0%9F%91%8D`, undefined],
      ['DELETE', path, undefined],
    ] as const;
    for (const [index, [method, route, body]] of calls.entries()) {
      const { body: changed } = await call<Message>(a.url, method, route, {
        as: ann,
        ...(body === undefined ? {} : { body }),
      });
      expect(await ears[index]?.until()).toEqual(changed);
      // Who was told can read it at once, or a moment later where the word is slower.
      await eventually(async () => expect(await historyAt(b.url)).toContainEqual(changed));
    }
    socket.disconnect();
  });

  it('number what both change at the same time without holes', async () => {
    const messages = [await post('one'), await post('two'), await post('three')];
    const last = messages.at(-1) as Message;
    // What one instance changed, the other one knows a moment later.
    const upTo = (rev: number, since: number) =>
      eventually(async () => {
        const changes = await changesSince(last, since);
        expect(changes?.upTo.rev ?? since).toBe(rev);
        return changes;
      });
    const before = await lastRev(last.conversationId);
    await upTo(before, 0);
    const emoji = ['👍', '👎', '😀', '😁', '😂'];
    const wanted = messages.flatMap(({ _id: messageId }) =>
      emoji.map((one) => ({ messageId, emoji: one })),
    );
    const sockets = await Promise.all([connect(cluster.a.url, ann), connect(cluster.b.url, ben)]);
    const answers = await Promise.all(
      sockets.flatMap((socket) => wanted.map((payload) => emit(socket, 'reactToMessage', payload))),
    );
    expect(answers.filter(({ ok }) => !ok)).toEqual([]);
    const newest = Math.max(...answers.map((answer) => (answer.ok ? answer.message.rev : 0)));
    const changes = await upTo(newest, before);
    for (const { reactions = [] } of changes?.messages ?? []) {
      expect(reactions.map((one) => one.emoji).sort()).toEqual([...emoji].sort());
      for (const { userIds } of reactions)
        expect([...userIds].sort()).toEqual([ann.id, ben.id].sort());
    }
    const revs = (changes?.messages ?? []).map(({ rev }) => rev);
    expect(new Set(revs).size).toBe(3);
    expect(Math.max(...revs)).toBe(newest);
    // Each answer is a state of the message that its rev names.
    const states = new Map<string, Message>();
    for (const answer of answers) {
      if (!answer.ok) continue;
      const { message } = answer;
      const key = `${message._id} ${message.rev}`;
      expect(states.get(key) ?? message).toEqual(message);
      states.set(key, message);
    }
    const all = [...states.values()].map(({ rev }) => rev - before).sort((x, y) => x - y);
    expect(all).toEqual(all.map((_, index) => index + 1));
    for (const socket of sockets) socket.disconnect();
  });

  it('answer the same wish again with what one reads there at once', async () => {
    const { a, b } = cluster;
    for (let round = 0; round < 5; round++) {
      const message = await post('helo');
      await eventually(async () => expect(await historyAt(b.url)).toContainEqual(message));
      const edit = async (url: string) =>
        (
          await call<Message>(url, 'PATCH', `/api/messages/${message._id}`, {
            as: ann,
            body: { text: 'hello' },
          })
        ).body;
      const edited = await edit(a.url);
      expect(await edit(b.url)).toEqual(edited);
      expect(await historyAt(b.url)).toContainEqual(edited);
    }
  });

  it('keep the order of one socket, which does not wait for answers', async () => {
    const { _id: messageId } = await post('order');
    const socket = await connect(cluster.a.url, ann);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        emit(socket, 'reactToMessage', { messageId, emoji: '👍', active: index % 2 === 0 }),
      ),
    );
    expect(answers.filter(({ ok }) => !ok)).toEqual([]);
    const after = (await historyAt(cluster.a.url)).find(({ _id }) => _id === messageId);
    expect(after).not.toHaveProperty('reactions');
    socket.disconnect();
  });

  const lastRev = (conversationId: string): Promise<number> =>
    withDatabase(cluster.database, async (db) => {
      const messages = db.collection<{ rev: number }>('messages');
      const newest = await messages.findOne({ conversationId }, { sort: { rev: -1 } });
      return newest?.rev ?? 0;
    });

  async function changesSince({ _id: lastId, seq, conversationId }: Message, rev: number) {
    const body = { since: { [conversationId]: { seq, rev, lastId } } };
    const { body: result } = await call<SyncResult>(cluster.b.url, 'POST', '/api/sync', {
      as: ben,
      body,
    });
    return result.changes[0];
  }
});

/** A server with two messages in its memory, and a change of one of which it heard nothing. */
describe('a change that another instance made, and told nobody', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database: createDatabaseName() });
  });
  afterAll(async () => {
    await server.close();
    await dropDatabase(new URL(server.config.mongodb.uri).pathname.slice(1));
  });

  async function scene() {
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const ask = async <T>(method: string, path: string, body?: object) =>
      (
        await call<T>(server.url, method, path, {
          as: ann,
          ...(body === undefined ? {} : { body }),
        })
      ).body;
    const path = `/api/messages/send/${ben.id}`;
    const first = await ask<Message>('POST', path, { text: 'one' });
    const second = await ask<Message>('POST', path, { text: 'two' });
    const texts = async () =>
      (await ask<Message[]>('GET', `/api/messages/${ben.id}`)).map(({ text }) => text);
    expect(await texts()).toEqual(['one', 'two']);
    await withDatabase(new URL(server.config.mongodb.uri).pathname.slice(1), async (db) => {
      const fields = { text: 'ONE', rev: 1, updatedAt: new Date() };
      await db
        .collection<{ _id: string }>('messages')
        .updateOne({ _id: first._id }, { $set: fields });
    });
    return { ask, first, second, texts };
  }

  it('is read at once by who asks for the same and is told that it is so', async () => {
    const { ask, first, texts } = await scene();
    const again = await ask<Message>('PATCH', `/api/messages/${first._id}`, { text: 'ONE' });
    expect(again.rev).toBe(1);
    expect(await texts()).toEqual(['ONE', 'two']);
  });

  it('is read at once with the next change', async () => {
    const { ask, second, texts } = await scene();
    const next = await ask<Message>('PATCH', `/api/messages/${second._id}`, { text: 'TWO' });
    expect(next.rev).toBe(2);
    expect(await texts()).toEqual(['ONE', 'TWO']);
  });
});

describe('an instance that dies behind a change', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database: createDatabaseName() });
  });
  afterAll(async () => {
    await server.close();
    await dropDatabase(new URL(server.config.mongodb.uri).pathname.slice(1));
  });

  it('leaves neither a head that does not tell of it, nor files of what was deleted', async () => {
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const path = `/api/messages/send/${ben.id}`;
    const send = async (body: object) =>
      (await call<Message>(server.url, 'POST', path, { as: ann, body })).body;
    const picture = await send({ image: PNG });
    const message = await send({ text: 'helo' });
    const { conversationId } = message;
    const database = new URL(server.config.mongodb.uri).pathname.slice(1);
    // As kill -9 leaves it: both messages are changed, and nothing that follows was done.
    await eventually(() =>
      withDatabase(database, async (db) => {
        const head = await db.collection<{ _id: string }>('conversations').findOne({
          _id: conversationId,
        });
        expect(head).toMatchObject({ last: { id: message._id } });
        const messages = db.collection<{ _id: string }>('messages');
        const now = new Date();
        await messages.updateOne(
          { _id: picture._id },
          { $set: { text: '', deletedAt: now, updatedAt: now, rev: 1 } },
        );
        await messages.updateOne(
          { _id: message._id },
          { $set: { text: 'hello', editedAt: now, updatedAt: now, rev: 2 } },
        );
      }),
    );
    const next = await startTestServer({ database, dataDir: server.config.dataDir });
    try {
      const { body: people } = await call<Contact[]>(next.url, 'GET', '/api/messages/users', {
        as: ben,
      });
      expect(people[0]).toMatchObject({ rev: 2, lastMessage: { text: 'hello', rev: 2 } });
      const since = { [conversationId]: { seq: 2, rev: 0, lastId: message._id } };
      const body = { since };
      const { body: synced } = await call<SyncResult>(next.url, 'POST', '/api/sync', {
        as: ben,
        body,
      });
      expect(synced.changes[0]?.messages.map(({ rev }) => rev)).toEqual([1, 2]);
      expect((await call(next.url, 'GET', picture.image ?? '', { as: ben })).status).toBe(404);
    } finally {
      await next.close();
    }
  });
});
