import { describe, expect, it } from 'vitest';
import {
  type ClientSocket,
  type ConnectOptions,
  emit,
  eventually,
  listen,
  type Person,
  send,
} from '../support/client.ts';
import { directId, NOBODY, testTarget } from './target.ts';

const target = testTarget();

/** Opens a socket that listens from the first moment. */
async function hear<E extends 'conversationHeads' | 'getOnlineUsers'>(
  person: Person,
  event: E,
  options: ConnectOptions = {},
) {
  let ear: ReturnType<typeof listen<E>> | undefined;
  const prepare = (socket: ClientSocket) => {
    ear = listen(socket, event);
  };
  const socket = await target.open(person, { ...options, prepare });
  if (ear === undefined) throw new Error('the socket was not prepared');
  return { socket, ear };
}

describe('older clients', () => {
  it('hear who is online when they connect, and when somebody comes or goes', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const modern = await target.open(ann);
    const { ear: online } = await hear(ann, 'getOnlineUsers', { legacy: true });
    await online.until((ids) => ids.includes(ann.id) && !ids.includes(ben.id));
    modern.disconnect();
    const came = await target.open(ben, { legacy: true });
    await online.until((ids) => ids.includes(ann.id) && ids.includes(ben.id));
    const known = online.heard.length;
    came.disconnect();
    await online.until((ids) => online.heard.indexOf(ids) >= known && !ids.includes(ben.id));
  });

  it('are told nothing that they do not know', async () => {
    const chat = await target.conversation('direct');
    const options = { legacy: true };
    const { socket: older, ear: heads } = await hear(chat.ben, 'conversationHeads', options);
    const [presence, users] = [listen(older, 'presence'), listen(older, 'userUpdated')];
    const modern = await target.open(chat.ben);
    const told = listen(modern, 'conversationHeads');
    const heard = listen(older, 'newMessage');
    await target.people('Cleo');
    await send(await target.open(chat.ann), { to: chat.ben.id }, 'hello');
    await heard.until();
    await told.until((list) => list.some(({ seq }) => seq === 1));
    expect([heads.heard, presence.heard, users.heard]).toEqual([[], [], []]);
  });
});

describe('clients of protocol 1', () => {
  it('do not get the list of all who are online', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const { socket, ear: list } = await hear(ann, 'getOnlineUsers');
    const watched = listen(socket, 'presence');
    await emit(socket, 'watchPresence', { userIds: [ben.id] });
    await target.open(ben, { legacy: true });
    await watched.until(([state]) => state?.online === true);
    expect(list.heard).toEqual([]);
  });

  it('watch the people they name', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const socket = await target.open(ann);
    const presence = listen(socket, 'presence');
    const state = { userId: ben.id, lastSeenAt: expect.stringMatching(/^\d{4}-.+Z$/) };
    const answer = await emit(socket, 'watchPresence', { userIds: [ben.id, NOBODY] });
    expect(answer).toEqual({ ok: true, presence: [{ ...state, online: false }] });
    const came = await target.open(ben);
    const isBen = (online: boolean) => (list: { userId: string; online: boolean }[]) =>
      list.some((one) => one.userId === ben.id && one.online === online);
    expect(await presence.until(isBen(true))).toEqual([{ ...state, online: true }]);
    const again = await emit(socket, 'watchPresence', { userIds: [ben.id] });
    expect(again).toEqual({ ok: true, presence: [{ ...state, online: true }] });
    const known = presence.heard.length;
    came.disconnect();
    await presence.until((list) => presence.heard.indexOf(list) >= known && isBen(false)(list));
  });

  it('replace whom they watch', async () => {
    const [ann, ben, cleo] = await target.people('Ann', 'Ben', 'Cleo');
    const socket = await target.open(ann);
    const presence = listen(socket, 'presence');
    await emit(socket, 'watchPresence', { userIds: [ben.id] });
    await emit(socket, 'watchPresence', { userIds: [cleo.id] });
    await target.open(ben);
    await target.open(cleo);
    await presence.until((list) => list.some(({ userId }) => userId === cleo.id));
    expect(JSON.stringify(presence.heard)).not.toContain(ben.id);
  });

  it('stay online until their last socket closes', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const socket = await target.open(ann);
    const presence = listen(socket, 'presence');
    await emit(socket, 'watchPresence', { userIds: [ben.id] });
    const [first, second] = [await target.open(ben), await target.open(ben)];
    await presence.until(([state]) => state?.online === true);
    first.disconnect();
    const heard = listen(second, 'newMessage');
    const message = await send(socket, { to: ben.id }, 'still there?');
    expect(await heard.until()).toEqual(message);
    await eventually(async () => {
      const answer = await emit(socket, 'watchPresence', { userIds: [ben.id] });
      expect(answer).toMatchObject({ ok: true, presence: [{ userId: ben.id, online: true }] });
    });
    second.disconnect();
    await eventually(async () => {
      const answer = await emit(socket, 'watchPresence', { userIds: [ben.id] });
      expect(answer).toMatchObject({ ok: true, presence: [{ userId: ben.id, online: false }] });
    });
  });

  it('learn where their conversations stand, when they connect and when one moves', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const group = await target.group([ann, ben]);
    const socket = await target.open(ann);
    const { ear: before } = await hear(ben, 'conversationHeads');
    const silent = { conversationId: group._id, seq: 0, rev: 0, lastId: '' };
    expect(await before.until()).toEqual([silent]);
    const direct = await send(socket, { to: ben.id }, 'hello');
    const inGroup = await send(socket, { groupId: group._id }, 'hello');
    const head = { conversationId: directId(ann, ben), seq: 1, rev: 0, lastId: direct._id };
    const groupHead = { ...silent, seq: 1, lastId: inGroup._id };
    // Within 3 s.
    await before.until((list) => list.some(({ lastId }) => lastId === direct._id));
    await before.until((list) => list.some(({ lastId }) => lastId === inGroup._id));
    const all = before.heard.flat();
    expect(all).toContainEqual(head);
    expect(all).toContainEqual(groupHead);
    const { ear: after } = await hear(ben, 'conversationHeads');
    const onConnect = await after.until();
    expect(onConnect).toHaveLength(2);
    expect(onConnect).toEqual(expect.arrayContaining([head, groupHead]));
  });
});
