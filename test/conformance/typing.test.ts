import { describe, expect, it } from 'vitest';
import { emit, listen } from '../support/client.ts';
import { type Kind, NOBODY, testTarget } from './target.ts';

const target = testTarget();

describe.each(['direct', 'group'] as const)('writing in a %s conversation', (kind: Kind) => {
  it('is told to the others there, and to nobody else', async () => {
    const chat = await target.conversation(kind);
    const { ann, ben } = chat;
    const [own, ownSecond, other, older] = await Promise.all([
      target.open(ann),
      target.open(ann),
      target.open(ben),
      target.open(ben, { legacy: true }),
    ]);
    const ears = [own, ownSecond, other, older].map((socket) => listen(socket, 'typing'));
    for (const active of [true, false]) {
      expect(await emit(own, 'typing', { ...chat.to(ben), active })).toEqual({ ok: true });
    }
    await ears[2]?.until(({ active }) => !active);
    const state = { conversationId: chat.id, userId: ann.id };
    expect(ears.map(({ heard }) => heard)).toEqual([
      [],
      [],
      [
        { ...state, active: true },
        { ...state, active: false },
      ],
      [],
    ]);
  });

  it('is refused where one may not write', async () => {
    const chat = await target.conversation(kind);
    const [eve] = await target.people('Eve');
    const socket = await target.open(kind === 'group' ? eve : chat.ann);
    const nowhere = kind === 'group' ? chat.to(chat.ben) : { to: NOBODY };
    for (const [payload, status] of [
      [{ ...nowhere, active: true }, 404],
      [{ ...nowhere }, 400],
      [{ active: true }, 400],
      [{ to: chat.ben.id, groupId: chat.id, active: true }, 400],
    ] as const) {
      expect(await emit(socket, 'typing', payload)).toMatchObject({ ok: false, error: { status } });
    }
  });
});
