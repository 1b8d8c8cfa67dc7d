import { describe, expect, it } from 'vitest';
import { limits } from '../../src/protocol/limits.ts';
import type { MemberPosition, ReadPosition } from '../../src/protocol/types.ts';
import { emit, eventually, listen, type Person, send } from '../support/client.ts';
import { type Conversation, directId, NOBODY, testTarget } from './target.ts';

const target = testTarget();

async function tell(as: Person, positions: object[]): Promise<ReadPosition[]> {
  const ack = await emit(await target.open(as), 'markDelivered', { positions });
  if (!ack.ok) throw new Error(ack.error.detail);
  return ack.delivered;
}
/** How far a member is, as another one is told. */
async function positionOf(chat: Conversation, as: Person, of: Person) {
  const path = chat.positionsPath(of);
  const { body } = await target.call<MemberPosition[]>('GET', path, { as });
  const { readSeq, deliveredSeq } = body.find(({ userId }) => userId === of.id) ?? {};
  return { readSeq, deliveredSeq };
}

describe.each(['direct', 'group'] as const)('what was received of a %s conversation', (kind) => {
  async function written(count: number): Promise<Conversation> {
    const chat = await target.conversation(kind);
    const socket = await target.open(chat.ann);
    for (let seq = 1; seq <= count; seq++) await send(socket, chat.to(chat.ben), `${seq}`);
    return chat;
  }

  it('is a position that never goes back, and what was read was received', async () => {
    const chat = await written(3);
    const { id, ann, ben } = chat;
    const expectPosition = async (readSeq: number, deliveredSeq: number) =>
      expect(await positionOf(chat, ann, ben)).toEqual({ readSeq, deliveredSeq });
    await expectPosition(0, 0);
    const position = { conversationId: id, userId: ben.id, seq: 2 };
    expect(await tell(ben, [{ conversationId: id, seq: 2 }])).toEqual([position]);
    await expectPosition(0, 2);
    await tell(ben, [{ conversationId: id, seq: 1 }]);
    await expectPosition(0, 2);
    const body = { seq: 3 };
    expect((await target.call('POST', chat.readPath(ann), { as: ben, body })).status).toBe(200);
    await expectPosition(3, 3);
    await send(await target.open(ben), chat.to(ann), 'an answer');
    await eventually(() => expectPosition(4, 4));
  });

  it('is at most the last message', async () => {
    const chat = await written(2);
    const [taken] = await tell(chat.ben, [{ conversationId: chat.id, seq: 1_000 }]);
    expect(taken?.seq).toBe(2);
    expect(await positionOf(chat, chat.ann, chat.ben)).toEqual({ readSeq: 0, deliveredSeq: 2 });
  });

  it('changes nothing that is unread', async () => {
    const { id, ann, ben } = await written(2);
    await tell(ben, [{ conversationId: id, seq: 2 }]);
    const path = kind === 'direct' ? '/api/messages/users' : '/api/groups';
    await eventually(async () => {
      const { body } = await target.call<object[]>('GET', path, { as: ben });
      const found = { unreadCount: 2, readSeq: 0 };
      expect(body).toContainEqual(expect.objectContaining(found));
      expect(JSON.stringify(body)).not.toContain('deliveredSeq');
    });
    expect(ann.id).not.toBe(ben.id);
  });
});

describe('what was received', () => {
  it('is told to the other person of a direct conversation alone, once', async () => {
    const chat = await target.conversation('direct');
    const { ann, ben } = chat;
    const socket = await target.open(ann);
    const [told, toOwn] = [socket, await target.open(ben)].map((one) =>
      listen(one, 'conversationDelivered'),
    );
    const legacy = listen(await target.open(ann, { legacy: true }), 'conversationDelivered');
    await send(socket, { to: ben.id }, 'one');
    await tell(ben, [{ conversationId: chat.id, seq: 1 }]);
    await tell(ben, [{ conversationId: chat.id, seq: 1 }]);
    await send(socket, { to: ben.id }, 'two');
    await tell(ben, [{ conversationId: chat.id, seq: 2 }]);
    const position = { conversationId: chat.id, userId: ben.id };
    expect(await told?.until(({ seq }) => seq === 2)).toEqual({ ...position, seq: 2 });
    expect(told?.heard.map(({ seq }) => seq)).toEqual([1, 2]);
    expect([toOwn?.heard, legacy.heard]).toEqual([[], []]);
  });

  it('is taken of many conversations at once, and of none that are others’', async () => {
    const chat = await target.conversation('group');
    const [eve] = await target.people('Eve');
    const socket = await target.open(chat.ann);
    await send(socket, chat.to(chat.ben), 'one');
    await send(socket, { to: chat.ben.id }, 'two');
    const direct = directId(chat.ann, chat.ben);
    const positions = [chat.id, direct, NOBODY, directId(chat.ann, eve)].map((conversationId) => ({
      ...{ conversationId, seq: 1 },
    }));
    const taken = await tell(chat.ben, positions);
    expect(taken.map(({ conversationId }) => conversationId)).toEqual([chat.id, direct]);
    expect(await tell(eve, positions)).toEqual([]);
    expect(await positionOf(chat, chat.ann, chat.ben)).toEqual({ readSeq: 0, deliveredSeq: 1 });
  });

  it('is refused in another form', async () => {
    const [ann] = await target.people('Ann');
    const socket = await target.open(ann);
    const one = { conversationId: NOBODY, seq: 1 };
    for (const payload of [
      {},
      { positions: [] },
      { positions: Array.from({ length: limits.deliveredPositions + 1 }, () => one) },
      { positions: [{ ...one, seq: -1 }] },
      { positions: [{ ...one, conversationId: 'x' }] },
      { positions: [{ ...one, userId: ann.id }] },
    ]) {
      const refused = await emit(socket, 'markDelivered', payload);
      expect(refused).toMatchObject({ ok: false, error: { code: 'invalid_input' } });
    }
  });
});
