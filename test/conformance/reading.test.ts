import { describe, expect, it } from 'vitest';
import type { Contact, Group, MemberPosition, ReadPosition } from '../../src/protocol/types.ts';
import { emit, eventually, listen, type Person, send } from '../support/client.ts';
import { type Conversation, directId, expectProblem, NOBODY, testTarget } from './target.ts';

const target = testTarget();

type MarkRead = (chat: Conversation, as: Person, seq: number) => Promise<ReadPosition>;

const overHttp: MarkRead = async (chat, as, seq) => {
  const path = chat.readPath(as === chat.ann ? chat.ben : chat.ann);
  const answer = await target.call<ReadPosition>('POST', path, { as, body: { seq } });
  expect(answer.status).toBe(200);
  return answer.body;
};
const overSocket: MarkRead = async (chat, as, seq) => {
  const payload = { conversationId: chat.id, seq };
  const ack = await emit(await target.open(as), 'markRead', payload);
  if (!ack.ok) throw new Error(ack.error.detail);
  return ack.read;
};

/** What a person's own lists say of the conversation. */
async function standing(kind: 'direct' | 'group', chat: Conversation, as: Person) {
  const path = kind === 'direct' ? '/api/messages/users' : '/api/groups';
  const list = (await target.call<(Contact & Group)[]>('GET', path, { as })).body;
  const own = list.find((one) => (kind === 'direct' ? one.conversationId : one._id) === chat.id);
  return { unread: own?.unreadCount, read: own?.readSeq, last: own?.lastMessage?.seq };
}

describe.each([
  { kind: 'direct', transport: 'HTTP', markRead: overHttp },
  { kind: 'direct', transport: 'a socket', markRead: overSocket },
  { kind: 'group', transport: 'HTTP', markRead: overHttp },
  { kind: 'group', transport: 'a socket', markRead: overSocket },
] as const)('reading a $kind conversation over $transport', ({ kind, markRead }) => {
  async function written(count: number): Promise<Conversation> {
    const chat = await target.conversation(kind);
    const socket = await target.open(chat.ann);
    for (let seq = 1; seq <= count; seq++) await send(socket, chat.to(chat.ben), `${seq}`);
    return chat;
  }
  const expectStanding = (chat: Conversation, as: Person, is: object) =>
    eventually(async () => expect(await standing(kind, chat, as)).toEqual(is));

  it('counts down what is unread, and never goes back', async () => {
    const chat = await written(3);
    await expectStanding(chat, chat.ben, { unread: 3, read: 0, last: 3 });
    await expectStanding(chat, chat.ann, { unread: 0, read: 3, last: 3 });
    expect(await markRead(chat, chat.ben, 2)).toEqual({
      conversationId: chat.id,
      userId: chat.ben.id,
      seq: 2,
    });
    await expectStanding(chat, chat.ben, { unread: 1, read: 2, last: 3 });
    await markRead(chat, chat.ben, 1);
    await expectStanding(chat, chat.ben, { unread: 1, read: 2, last: 3 });
    await markRead(chat, chat.ben, 3);
    await expectStanding(chat, chat.ben, { unread: 0, read: 3, last: 3 });
  });

  it('does not count what one wrote after it', async () => {
    const chat = await written(2);
    await send(await target.open(chat.ben), chat.to(chat.ann), 'an answer');
    await expectStanding(chat, chat.ben, { unread: 0, read: 3, last: 3 });
    await expectStanding(chat, chat.ann, { unread: 1, read: 2, last: 3 });
  });

  it('is shown to every member, by position', async () => {
    const chat = await written(3);
    const positions = async (as: Person) => {
      const path = chat.positionsPath(as === chat.ann ? chat.ben : chat.ann);
      const answer = await target.call<MemberPosition[]>('GET', path, { as });
      expect(answer.status).toBe(200);
      return Object.fromEntries(answer.body.map(({ userId, ...rest }) => [userId, rest]));
    };
    const expectPositions = (as: Person, ann: number, ben: number) =>
      eventually(async () =>
        expect(await positions(as)).toEqual({
          [chat.ann.id]: { readSeq: ann, deliveredSeq: ann, fromSeq: 0 },
          [chat.ben.id]: { readSeq: ben, deliveredSeq: ben, fromSeq: 0 },
        }),
      );
    await expectPositions(chat.ben, 3, 0);
    await markRead(chat, chat.ben, 2);
    await expectPositions(chat.ann, 3, 2);
    await send(await target.open(chat.ben), chat.to(chat.ann), 'an answer');
    await expectPositions(chat.ann, 3, 4);
  });

  it('is told to the own other clients', async () => {
    const chat = await written(1);
    const told = listen(await target.open(chat.ben), 'conversationRead');
    const position = await markRead(chat, chat.ben, 1);
    expect(await told.until()).toEqual(position);
  });
});

describe('reading', () => {
  it('is told to the other person of a direct conversation', async () => {
    const chat = await target.conversation('direct');
    const socket = await target.open(chat.ann);
    const told = listen(socket, 'conversationRead');
    await send(socket, { to: chat.ben.id }, 'hello');
    const position = await overHttp(chat, chat.ben, 1);
    expect(await told.until()).toEqual(position);
  });

  it('is not possible in conversations of others', async () => {
    const chat = await target.conversation('group');
    const [eve] = await target.people('Eve');
    const body = { seq: 1 };
    expectProblem(await target.call('POST', chat.readPath(eve), { as: eve, body }), 'not_found');
    const socket = await target.open(eve);
    for (const conversationId of [chat.id, directId(chat.ann, chat.ben), NOBODY]) {
      const ack = await emit(socket, 'markRead', { conversationId, seq: 1 });
      expect(ack).toMatchObject({ ok: false, error: { status: 404, code: 'not_found' } });
    }
  });

  it('shows no positions of conversations of others, and none before there is one', async () => {
    const chat = await target.conversation('group');
    const [eve] = await target.people('Eve');
    const path = chat.positionsPath(eve);
    expectProblem(await target.call('GET', path, { as: eve }), 'not_found');
    expectProblem(await target.call('GET', path), 'unauthenticated');
    const ofNobody = `/api/messages/${NOBODY}/positions`;
    expectProblem(await target.call('GET', ofNobody, { as: eve }), 'not_found');
    const none = await target.call('GET', `/api/messages/${chat.ann.id}/positions`, { as: eve });
    expect(none).toMatchObject({ status: 200, body: [] });
  });

  it('says from where on a new member sees a group', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const { _id } = await target.group([ann], { history: 'sinceJoin' });
    await send(await target.open(ann), { groupId: _id }, 'before');
    const body = { memberIds: [ben.id] };
    const path = `/api/groups/${_id}`;
    expect((await target.call('POST', `${path}/members`, { as: ann, body })).status).toBe(200);
    const { body: found } = await target.call<MemberPosition[]>('GET', `${path}/positions`, {
      as: ben,
    });
    expect(found).toContainEqual({ userId: ben.id, readSeq: 1, deliveredSeq: 1, fromSeq: 1 });
  });

  it.each([-1, 1.5, '1', null])('refuses the seq %j', async (seq) => {
    const chat = await target.conversation('direct');
    const body = { seq };
    const path = chat.readPath(chat.ben);
    const refused = await target.call('POST', path, { as: chat.ann, body });
    expectProblem(refused, 'invalid_input');
    expect(refused.body).toMatchObject({ errors: [{ path: 'seq' }] });
  });
});
