import { describe, expect, it } from 'vitest';
import type { Message, SyncResult } from '../../src/protocol/types.ts';
import { emit, eventually, type Person, send } from '../support/client.ts';
import { expectProblem, NOBODY, testTarget } from './target.ts';

const target = testTarget();

type Sync = (as: Person, since: object) => Promise<SyncResult>;

const overHttp: Sync = async (as, since) => {
  const answer = await target.call<SyncResult>('POST', '/api/sync', { as, body: { since } });
  expect(answer.status).toBe(200);
  return answer.body;
};
const overSocket: Sync = async (as, since) => {
  const ack = await emit(await target.open(as), 'sync', { since });
  if (!ack.ok) throw new Error(ack.error.detail);
  const { ok: _ok, ...result } = ack;
  return result;
};

const at = (message: Message | undefined) => ({
  seq: message?.seq ?? 0,
  rev: 0,
  lastId: message?._id ?? '',
});
const nothing = { changes: [], joined: [], left: [], more: false };

describe.each([
  { transport: 'HTTP', sync: overHttp },
  { transport: 'a socket', sync: overSocket },
])('catching up over $transport', ({ sync }) => {
  async function written(count: number, kind: 'direct' | 'group' = 'direct') {
    const chat = await target.conversation(kind);
    const socket = await target.open(chat.ann);
    const sent = await Promise.all(
      Array.from({ length: count }, (_, index) => send(socket, chat.to(chat.ben), `${index}`)),
    );
    return { ...chat, sent };
  }

  it.each(['direct', 'group'] as const)('brings exactly what is missing (%s)', async (kind) => {
    const { ben, sent, id } = await written(6, kind);
    await eventually(async () => {
      expect(await sync(ben, { [id]: at(sent[2]) })).toEqual({
        ...nothing,
        changes: [{ conversationId: id, messages: sent.slice(3), upTo: at(sent[5]), more: false }],
      });
    });
    await eventually(async () => {
      expect(await sync(ben, { [id]: at(sent[5]) })).toEqual(nothing);
    });
  });

  it('is possible without the id of the last message', async () => {
    const { ben, sent, id } = await written(3);
    await eventually(async () => {
      const { changes } = await sync(ben, { [id]: { seq: 1, rev: 0 } });
      expect(changes[0]?.messages).toEqual(sent.slice(1));
    });
  });

  it('brings what the client does not know as joined, with its newest page', async () => {
    const { ben, sent, id } = await written(3);
    await eventually(async () => {
      expect(await sync(ben, {})).toEqual({
        ...nothing,
        changes: [{ conversationId: id, messages: sent, upTo: at(sent[2]), more: false }],
        joined: [id],
      });
    });
  });

  it('says what was left', async () => {
    const { ben, sent, id } = await written(1, 'group');
    await target.call('POST', `/api/groups/${id}/leave`, { as: ben });
    expect(await sync(ben, { [id]: at(sent[0]) })).toEqual({ ...nothing, left: [id] });
    expect((await sync(ben, { [NOBODY]: at(undefined) })).left).toEqual([NOBODY]);
  });

  it('says reset, with the newest page, when the last message is not in this history', async () => {
    const { ben, sent, id } = await written(3);
    const reset = { conversationId: id, reset: true, messages: sent, upTo: at(sent[2]) };
    await eventually(async () => {
      const { changes } = await sync(ben, { [id]: { ...at(sent[1]), lastId: NOBODY } });
      expect(changes).toEqual([{ ...reset, more: false }]);
    });
    await eventually(async () => {
      const { changes } = await sync(ben, { [id]: { seq: 9, rev: 0, lastId: NOBODY } });
      expect(changes).toEqual([{ ...reset, more: false }]);
    });
  });

  it('brings nothing of others', async () => {
    const { sent, id } = await written(1);
    const [eve] = await target.people('Eve');
    expect(await sync(eve, {})).toEqual(nothing);
    const { changes, left } = await sync(eve, { [id]: at(sent[0]) });
    expect([changes, left]).toEqual([[], [id]]);
  });

  it('brings nothing from before one joined, where the group says so', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const { _id } = await target.group([ann], { history: 'sinceJoin' });
    const socket = await target.open(ann);
    await send(socket, { groupId: _id }, 'before');
    const body = { memberIds: [ben.id] };
    await target.call('POST', `/api/groups/${_id}/members`, { as: ann, body });
    const after = await send(socket, { groupId: _id }, 'after');
    await eventually(async () => {
      expect((await sync(ben, {})).changes[0]?.messages).toEqual([after]);
    });
  });
});

describe('asking for what nothing can be', () => {
  it.each([
    ['no conversation', { nonsense: { seq: 1, rev: 0 } }],
    ['no position', { [NOBODY]: 7 }],
    ['a negative seq', { [NOBODY]: { seq: -1, rev: 0 } }],
    ['no rev', { [NOBODY]: { seq: 1 } }],
  ])('is refused: %s', async (_what, since) => {
    const [ann] = await target.people('Ann');
    const body = { since };
    expectProblem(await target.call('POST', '/api/sync', { as: ann, body }), 'invalid_input');
    const ack = await emit(await target.open(ann), 'sync', body);
    expect(ack).toMatchObject({ ok: false, error: { status: 400, code: 'invalid_input' } });
  });
});
