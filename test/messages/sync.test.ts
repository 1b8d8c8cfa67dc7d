import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Contact, Message, SyncResult } from '../../src/protocol/types.ts';
import { ParleyClient } from '../../src/web/client/client.ts';
import { createMemoryStorage } from '../../src/web/client/outbox-storage.ts';
import {
  type ClientSocket,
  call,
  connect,
  emit,
  eventually,
  listen,
  type Person,
  send,
  signUp,
} from '../support/client.ts';
import { withDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('catching up', () => {
  let server: TestServer;
  const sockets: ClientSocket[] = [];
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(async () => {
    for (const socket of sockets) socket.disconnect();
    await server.close();
  });

  const sync = async (as: Person, since: object): Promise<SyncResult> => {
    const answer = await call<SyncResult>(server.url, 'POST', '/api/sync', { as, body: { since } });
    expect(answer.status).toBe(200);
    return answer.body;
  };

  async function conversation(count: number) {
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const socket = await connect(server.url, ann);
    sockets.push(socket);
    const sent = await Promise.all(
      Array.from({ length: count }, (_, index) => send(socket, { to: ben.id }, `text ${index}`)),
    );
    const conversationId = [ann.id, ben.id].sort().join('-');
    return { ann, ben, socket, sent, conversationId };
  }

  const at = (message: Message | undefined) => ({
    seq: message?.seq ?? 0,
    rev: 0,
    lastId: message?._id ?? '',
  });

  it('brings exactly what is missing, over HTTP and over a socket alike', async () => {
    const { ben, sent, conversationId } = await conversation(6);
    const since = { [conversationId]: at(sent[2]) };
    const result = await sync(ben, since);
    expect(result).toEqual({
      changes: [{ conversationId, messages: sent.slice(3), upTo: at(sent[5]), more: false }],
      joined: [],
      left: [],
      more: false,
    });
    const socket = await connect(server.url, ben);
    sockets.push(socket);
    expect(await emit(socket, 'sync', { since })).toEqual({ ok: true, ...result });
    expect((await sync(ben, { [conversationId]: at(sent[5]) })).changes).toEqual([]);
  });

  it('brings conversations that the client does not know with their newest page', async () => {
    const { ben, sent, conversationId } = await conversation(40);
    const result = await sync(ben, {});
    expect(result.joined).toEqual([conversationId]);
    expect(result.changes[0]?.messages).toEqual(sent.slice(-30));
  });

  it('names conversations that were left', async () => {
    const { ben } = await conversation(1);
    const stranger = '0123456789abcdef01234567';
    const since = { [stranger]: { seq: 3, rev: 0 } };
    expect((await sync(ben, since)).left).toEqual([stranger]);
  });

  it('says reset when the history is another one, or shorter', async () => {
    const { ben, sent, conversationId } = await conversation(4);
    const foreign = { [conversationId]: { ...at(sent[1]), lastId: '0123456789abcdef01234567' } };
    const replaced = await sync(ben, foreign);
    expect(replaced.changes[0]).toMatchObject({ reset: true, messages: sent, upTo: at(sent[3]) });
    const ahead = { [conversationId]: { seq: 9, rev: 0 } };
    expect((await sync(ben, ahead)).changes[0]).toMatchObject({ reset: true, messages: sent });
  });

  it('answers with a bounded number of messages and says that there are more', async () => {
    const { ben, sent, conversationId } = await conversation(520);
    const seen: number[] = [];
    let position: { seq: number; rev: number; lastId: string } = at(undefined);
    for (let round = 0; round < 2; round++) {
      const { changes, more } = await sync(ben, { [conversationId]: position });
      expect(more).toBe(round === 0);
      seen.push(...(changes[0]?.messages ?? []).map(({ seq }) => seq));
      position = changes[0]?.upTo ?? position;
    }
    expect(seen).toEqual(sent.map(({ seq }) => seq));
  });

  /** Changes messages as edits do, hundreds at once: each gets the next rev, and so does the head. */
  async function change(
    conversationId: string,
    seqs: number[],
    fields: object = { text: 'changed', editedAt: new Date() },
  ): Promise<number> {
    const database = new URL(server.config.mongodb.uri).pathname.slice(1);
    return withDatabase(database, async (db) => {
      const messages = db.collection<{ rev: number }>('messages');
      const [last] = await messages.find({ conversationId }).sort({ rev: -1 }).limit(1).toArray();
      let rev = last?.rev ?? 0;
      await messages.bulkWrite(
        seqs.map((seq) => ({
          updateOne: {
            filter: { conversationId, seq },
            update: { $set: { ...fields, rev: ++rev } },
          },
        })) as never,
      );
      await db
        .collection<{ _id: string }>('conversations')
        .updateOne({ _id: conversationId }, { $max: { rev }, $currentDate: { headAt: true } });
      return rev;
    });
  }

  const changesOf = async (as: Person, conversationId: string, since: object) => {
    const { changes } = await sync(as, { [conversationId]: since });
    return changes[0];
  };

  it('brings edits and deletions of what is known, and each once', async () => {
    const { ben, sent, conversationId } = await conversation(6);
    await change(conversationId, [2]);
    await change(conversationId, [4], { deletedAt: new Date() });
    const brought = await changesOf(ben, conversationId, at(sent[5]));
    expect(brought).toMatchObject({
      messages: [
        { ...sent[1], text: 'changed', editedAt: expect.any(String), rev: 1 },
        { ...sent[3], text: '', deletedAt: expect.any(String), rev: 2 },
      ],
      upTo: { ...at(sent[5]), rev: 2 },
      more: false,
    });
    expect(brought?.messages).toHaveLength(2);
    expect(await changesOf(ben, conversationId, { ...at(sent[5]), rev: 2 })).toBeUndefined();
    const later = await changesOf(ben, conversationId, { ...at(sent[5]), rev: 1 });
    expect(later?.messages.map(({ seq }) => seq)).toEqual([4]);
  });

  it('brings a message that is new and changed once, as it is now', async () => {
    const { ben, sent, conversationId } = await conversation(6);
    await change(conversationId, [1, 5, 1]);
    const brought = await changesOf(ben, conversationId, at(sent[2]));
    const told = brought?.messages.map(({ seq, rev }) => [seq, rev]);
    expect(told).toEqual([
      [1, 3],
      [4, 0],
      [5, 2],
      [6, 0],
    ]);
    expect(brought?.upTo).toEqual({ ...at(sent[5]), rev: 3 });
  });

  it('leaves nothing out when changes and messages are more than one answer holds', async () => {
    const { ben, sent, conversationId } = await conversation(700);
    const all = sent.map(({ seq }) => seq);
    await change(conversationId, all);
    const seen = new Map<number, number>();
    let position: object = at(sent[299]);
    for (let rounds = 1; ; rounds++) {
      const { changes, more } = await sync(ben, { [conversationId]: position });
      for (const { seq, rev } of changes[0]?.messages ?? []) seen.set(seq, rev);
      expect(changes[0]?.messages.length).toBeLessThanOrEqual(500);
      position = changes[0]?.upTo ?? position;
      if (!more) break;
      expect(rounds).toBeLessThan(5);
    }
    expect([...seen.keys()].sort((a, b) => a - b)).toEqual(all);
    expect(position).toEqual({ ...at(sent[699]), rev: 700 });
    expect([...seen].every(([seq, rev]) => rev === seq)).toBe(true);
  });

  it('says reset to a client that knows changes which a restored backup undid', async () => {
    const { ben, sent, conversationId } = await conversation(3);
    await change(conversationId, [2]);
    const ahead = await changesOf(ben, conversationId, { ...at(sent[2]), rev: 4 });
    expect(ahead).toMatchObject({ reset: true, upTo: { seq: 3, rev: 1 } });
    // Ahead of the head alone is a client that heard of a change before the head was written.
    await withDatabase(new URL(server.config.mongodb.uri).pathname.slice(1), (db) =>
      db
        .collection<{ _id: string }>('conversations')
        .updateOne({ _id: conversationId }, { $set: { rev: 0 } }),
    );
    expect(await changesOf(ben, conversationId, { ...at(sent[2]), rev: 1 })).toMatchObject({
      messages: [],
      upTo: { seq: 3, rev: 1 },
    });
  });

  it('keeps from a member what was changed in messages before they joined', async () => {
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const request = <T>(path: string, body: object) =>
      call<T>(server.url, 'POST', `/api/groups${path}`, { as: ann, body });
    const group = { name: 'Late', memberIds: [], history: 'sinceJoin' };
    const { _id } = (await request<{ _id: string }>('', group)).body;
    await request(`/${_id}/messages`, { text: 'a secret' });
    await request(`/${_id}/members`, { memberIds: [ben.id] });
    const { body: second } = await request<Message>(`/${_id}/messages`, { text: 'for all' });
    await change(_id, [1, 2]);
    expect(await changesOf(ben, _id, at(second))).toMatchObject({
      messages: [{ seq: 2, rev: 2 }],
      upTo: { seq: 2, rev: 2 },
    });
  });

  it('tells connected clients of a change whose delivery was lost', async () => {
    const { ann, ben, sent, conversationId } = await conversation(3);
    const client = new ParleyClient({
      baseUrl: server.url,
      token: ben.token,
      ownId: ben.id,
      storage: createMemoryStorage(),
    });
    try {
      await client.loadPeople();
      await client.loadGroups();
      client.start();
      const texts = () => client.messages.view(conversationId).messages.map(({ text }) => text);
      await eventually(async () => expect(texts()).toEqual([sent[2]?.text]));
      await change(conversationId, [1, 3]);
      await eventually(async () => expect(texts()).toEqual(['changed']));
      await eventually(async () => {
        const people = await call<Contact[]>(server.url, 'GET', '/api/messages/users', { as: ben });
        expect(people.body.find(({ _id }) => _id === ann.id)).toMatchObject({
          rev: 2,
          lastMessage: { text: 'changed', rev: 2 },
        });
      });
      expect(client.messages.positions()[conversationId]).toEqual({ ...at(sent[2]), rev: 2 });
    } finally {
      client.stop();
    }
  });

  it('is prompted by conversationHeads, on connecting and when a delivery was lost', async () => {
    const { ben, sent, conversationId } = await conversation(2);
    const socket = await connect(server.url, ben);
    sockets.push(socket);
    const heads = listen(socket, 'conversationHeads');
    // As if an instance had died after the commit: the message is stored, and nobody was told.
    const database = new URL(server.config.mongodb.uri).pathname.slice(1);
    const lost = { ...sent[1], _id: 'aaaaaaaaaaaaaaaaaaaaaaaa', seq: 3, clientId: 'lost-message' };
    await withDatabase(database, async (db) => {
      await db.collection<{ _id: string }>('messages').insertOne({
        ...lost,
        createdAt: new Date(),
        updatedAt: new Date(),
      } as never);
      await db
        .collection<{ _id: string }>('conversations')
        .updateOne(
          { _id: conversationId },
          { $set: { last: { seq: 3, id: lost._id } }, $currentDate: { headAt: true } },
        );
    });
    await heads.until((list) => list.some((head) => head.seq === 3));
    const { changes } = await sync(ben, { [conversationId]: at(sent[1]) });
    expect(changes[0]?.messages.map(({ _id }) => _id)).toEqual([lost._id]);
  });

  it('ends, with more silent groups joined late than one answer holds', async () => {
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const request = (method: string, path: string, body: object) =>
      call<{ _id: string }>(server.url, method, `/api/groups${path}`, { as: ann, body });
    const ids = await Promise.all(
      Array.from({ length: 55 }, async (_, index) => {
        const group = { name: `Group ${index}`, memberIds: [], history: 'sinceJoin' };
        const { _id } = (await request('POST', '', group)).body;
        await request('POST', `/${_id}/messages`, { text: 'before Ben came' });
        await request('POST', `/${_id}/members`, { memberIds: [ben.id] });
        return _id;
      }),
    );
    // As a client asks that has the groups from its list, and no message of them.
    let since: Record<string, object> = Object.fromEntries(
      ids.map((id) => [id, { seq: 0, rev: 0, lastId: '' }]),
    );
    for (let rounds = 1; ; rounds++) {
      expect(rounds).toBeLessThan(4);
      const { changes, more } = await sync(ben, since);
      expect(changes.flatMap(({ messages }) => messages)).toEqual([]);
      since = { ...since, ...Object.fromEntries(changes.map((c) => [c.conversationId, c.upTo])) };
      if (!more) break;
    }
    expect(Object.keys(since).sort()).toEqual(ids.sort());
    expect((await sync(ben, since)).changes).toEqual([]);
  });

  it('does not tell of a conversation whose first message was refused', async () => {
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const image = `data:image/png;base64,${Buffer.from('no picture').toString('base64')}`;
    const path = `/api/messages/send/${ben.id}`;
    const refused = await call(server.url, 'POST', path, { as: ann, body: { image } });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_image' } });
    expect(await sync(ben, {})).toEqual({ changes: [], joined: [], left: [], more: false });
    const database = new URL(server.config.mongodb.uri).pathname.slice(1);
    const conversationId = [ann.id, ben.id].sort().join('-');
    await withDatabase(database, async (db) => {
      const conversations = db.collection<{ _id: string }>('conversations');
      expect(await conversations.findOne({ _id: conversationId })).toBeNull();
      // One whose first message was never stored, as a crash may leave it.
      const other = 'aaaaaaaaaaaaaaaaaaaaaaaa';
      const id = `${other}-${ben.id}`.split('-').sort().join('-');
      const empty = { kind: 'direct', last: { seq: 0, id: '' }, rev: 0, headAt: null, sent: {} };
      await conversations.insertOne({ _id: id, ...empty } as never);
      await db.collection('memberships').insertOne({
        conversationId: id,
        userId: ben.id,
        role: 'member',
        joinedAt: new Date(),
        fromSeq: 0,
        readSeq: 0,
      });
    });
    expect(await sync(ben, {})).toEqual({ changes: [], joined: [], left: [], more: false });
  });

  it('finds the heads again that an instance did not write before it died', async () => {
    const { ann, ben, sent, conversationId } = await conversation(2);
    const database = new URL(server.config.mongodb.uri).pathname.slice(1);
    // As kill -9 leaves it: two messages are stored, and the conversation stands behind them.
    await eventually(() =>
      withDatabase(database, async (db) => {
        const conversations = db.collection<{ _id: string }>('conversations');
        const { last } = (await conversations.findOne({ _id: conversationId })) as never as {
          last: unknown;
        };
        expect(last).toMatchObject({ seq: 2, id: sent[1]?._id });
        await conversations.updateOne(
          { _id: conversationId },
          { $set: { last: { seq: 0, id: '' }, sent: {} } },
        );
      }),
    );
    const next = await startTestServer({ database, dataDir: server.config.dataDir });
    try {
      const contacts = async (as: Person) =>
        (await call<Contact[]>(next.url, 'GET', '/api/messages/users', { as })).body;
      const [forBen, forAnn] = [await contacts(ben), await contacts(ann)];
      expect(forBen.find(({ _id }) => _id === ann.id)).toMatchObject({
        unreadCount: 2,
        lastMessage: { _id: sent[1]?._id },
      });
      expect(forAnn.find(({ _id }) => _id === ben.id)).toMatchObject({ unreadCount: 0 });
    } finally {
      await next.close();
    }
  });
});
