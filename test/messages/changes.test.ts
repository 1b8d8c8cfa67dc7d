/** Changes by two instances at once: one order, nothing lost, and everybody is told. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Message, SyncResult } from '../../src/protocol/types.ts';
import { call, connect, emit, eventually, listen, type Person, signUp } from '../support/client.ts';
import { startTestCluster, type TestCluster } from '../support/server.ts';

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
    const before = (await changesSince(last, 0))?.upTo.rev ?? 0;
    const emoji = ['👍', '👎', '😀', '😁', '😂'];
    const wanted = messages.flatMap(({ _id: messageId }) =>
      emoji.map((one) => ({ messageId, emoji: one })),
    );
    const sockets = await Promise.all([connect(cluster.a.url, ann), connect(cluster.b.url, ben)]);
    const answers = await Promise.all(
      sockets.flatMap((socket) => wanted.map((payload) => emit(socket, 'reactToMessage', payload))),
    );
    expect(answers.filter(({ ok }) => !ok)).toEqual([]);
    const changes = await changesSince(last, before);
    for (const { reactions = [] } of changes?.messages ?? []) {
      expect(reactions.map((one) => one.emoji).sort()).toEqual([...emoji].sort());
      for (const { userIds } of reactions)
        expect([...userIds].sort()).toEqual([ann.id, ben.id].sort());
    }
    const revs = (changes?.messages ?? []).map(({ rev }) => rev);
    expect(new Set(revs).size).toBe(3);
    expect(Math.max(...revs)).toBe(changes?.upTo.rev);
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

  async function changesSince({ _id: lastId, seq, conversationId }: Message, rev: number) {
    const body = { since: { [conversationId]: { seq, rev, lastId } } };
    const { body: result } = await call<SyncResult>(cluster.b.url, 'POST', '/api/sync', {
      as: ben,
      body,
    });
    return result.changes[0];
  }
});
