import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Message } from '../../src/protocol/types.ts';
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
import { startTestCluster, type TestCluster, uniqueName } from '../support/server.ts';

describe.each([{ redis: true }, { redis: false }])('two instances, Redis: $redis', ({ redis }) => {
  let cluster: TestCluster;
  const sockets: ClientSocket[] = [];
  beforeAll(async () => {
    cluster = await startTestCluster(redis ? {} : { redisUrl: 'off' });
    await eventually(async () => {
      for (const { url } of cluster.servers) {
        const { body } = await call<{ instance: { peers: string[] } }>(url, 'GET', '/health');
        expect(body.instance.peers).toHaveLength(1);
      }
    });
  });
  afterAll(async () => {
    for (const socket of sockets) socket.disconnect();
    await cluster.close();
  });

  async function open(url: string, person: Person, legacy = false): Promise<ClientSocket> {
    const socket = await connect(url, person, { legacy });
    sockets.push(socket);
    return socket;
  }

  it('share people, sessions and messages', async () => {
    const { a, b } = cluster;
    const [ann, ben] = [await signUp(a.url, 'Ann'), await signUp(b.url, 'Ben')];
    const [fromAnn, toBen] = [await open(a.url, ann), await open(b.url, ben)];
    const heard = listen(toBen, 'newMessage');
    const message = await send(fromAnn, { to: ben.id }, 'across');
    expect(await heard.until()).toEqual(message);
    const history = await call<Message[]>(b.url, 'GET', `/api/messages/${ann.id}`, { as: ben });
    expect(history.body).toEqual([message]);
  });

  it('show presence to each other, to new and to older clients', async () => {
    const { a, b } = cluster;
    const [ann, ben, old] = [await signUp(a.url), await signUp(b.url), await signUp(a.url)];
    const watcher = await open(a.url, ann);
    const presence = listen(watcher, 'presence');
    const older = listen(await open(a.url, old, true), 'getOnlineUsers');
    await emit(watcher, 'watchPresence', { userIds: [ben.id] });
    const socket = await open(b.url, ben);
    await presence.until((states) => states.some((s) => s.userId === ben.id && s.online));
    await older.until((userIds) => userIds.includes(ben.id));
    socket.disconnect();
    await presence.until((states) => states.some((s) => s.userId === ben.id && !s.online));
    await eventually(() => expect(older.heard.at(-1)).not.toContain(ben.id));
  });

  it('end a session everywhere at once, and tell its sockets', async () => {
    const { a, b } = cluster;
    const ann = await signUp(a.url);
    const socket = await open(b.url, ann);
    const told = listen(socket, 'sessionRevoked');
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    expect((await call(b.url, 'GET', '/api/auth/check', { as: ann })).status).toBe(200);
    expect((await call(a.url, 'POST', '/api/auth/logout', { as: ann })).status).toBe(200);
    expect((await call(b.url, 'GET', '/api/auth/check', { as: ann })).status).toBe(401);
    await told.until();
    await gone;
  });

  it('take a removed member out of the group on both before answering', async () => {
    const { a, b } = cluster;
    const [ann, ben] = [await signUp(a.url), await signUp(b.url)];
    const member = await open(b.url, ben);
    const [joined, messages] = [listen(member, 'newGroup'), listen(member, 'newGroupMessage')];
    const removed = listen(member, 'removedFromGroup');
    const group = await call<{ _id: string }>(a.url, 'POST', '/api/groups', {
      as: ann,
      body: { name: 'Friends', memberIds: [ben.id] },
    });
    const groupId = group.body._id;
    await joined.until((created) => created._id === groupId);
    const sender = await open(a.url, ann);
    await send(sender, { groupId }, 'before');
    await messages.until((message) => message.text === 'before');
    await call(a.url, 'DELETE', `/api/groups/${groupId}/members/${ben.id}`, { as: ann });
    await send(sender, { groupId }, 'after');
    await removed.until();
    const refused = await emit(member, 'sendMessage', {
      groupId,
      text: 'still here?',
      clientId: uniqueName('client'),
    });
    expect(refused).toMatchObject({ ok: false, error: { status: 404 } });
    expect(messages.heard.map((message) => message.text)).toEqual(['before']);
  });

  it('number densely, in one order, when both partners of 50 conversations write at once', async () => {
    const { a, b } = cluster;
    const perSide = 10;
    const texts = (name: string) => Array.from({ length: perSide }, (_, i) => `${name} ${i}`);
    const pairs = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const [left, right] = await Promise.all([signUp(a.url), signUp(b.url)]);
        const [ofLeft, ofRight] = await Promise.all([open(a.url, left), open(b.url, right)]);
        return { left, right, ofLeft, ofRight, heard: listen(ofRight, 'newMessage') };
      }),
    );
    // Nobody waits for an answer before the next message, and every first try succeeds.
    const write = (from: ClientSocket, to: Person, name: string) =>
      texts(name).map((text) =>
        emit(from, 'sendMessage', { to: to.id, text, clientId: uniqueName('client') }),
      );
    const answers = await Promise.all(
      pairs.flatMap(({ left, right, ofLeft, ofRight }) => [
        ...write(ofLeft, right, 'left'),
        ...write(ofRight, left, 'right'),
      ]),
    );
    expect(answers.filter(({ ok }) => !ok)).toEqual([]);
    for (const { left, right, heard } of pairs) {
      const path = (other: Person) => `/api/messages/${other.id}?limit=100`;
      const seen = await call<Message[]>(a.url, 'GET', path(right), { as: left });
      const same = await call<Message[]>(b.url, 'GET', path(left), { as: right });
      expect(seen.body.map((message) => message.seq)).toEqual(
        Array.from({ length: 2 * perSide }, (_, index) => index + 1),
      );
      expect(same.body).toEqual(seen.body);
      for (const [sender, name] of [[left, 'left'] as const, [right, 'right'] as const]) {
        const own = seen.body.filter((message) => message.senderId === sender.id);
        expect(own.map((message) => message.text)).toEqual(texts(name));
      }
      // A client of this protocol version may hear a message twice, and deduplicates.
      const ids = () => new Set(heard.heard.map((message) => message._id));
      await eventually(() => expect(ids().size).toBe(perSide));
    }
  });
});
