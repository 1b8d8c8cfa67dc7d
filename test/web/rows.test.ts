import { expect, it } from 'vitest';
import { toRows } from '../../src/web/conversation/rows.ts';
import { direct, message, other, own } from './message.ts';

const at = (day: number, minute: number) => new Date(2026, 0, day, 12, minute).toISOString();

it('groups one person, breaks after a pause, begins each day, and marks the first unread', () => {
  const messages = [
    message(1, { createdAt: at(5, 0) }),
    message(2, { createdAt: at(5, 1) }),
    message(3, { createdAt: at(5, 30) }),
    message(4, { createdAt: at(6, 0), senderId: own }),
    message(5, { createdAt: at(6, 1) }),
    message(6, { createdAt: at(6, 2) }),
  ];
  const rows = toRows(messages, [], own, 3);
  const marked = (name: 'startsDay' | 'startsGroup' | 'endsGroup' | 'isFirstUnread') =>
    rows.flatMap((row, index) => (row[name] ? [index + 1] : []));
  expect(marked('startsDay')).toEqual([1, 4]);
  expect(marked('startsGroup')).toEqual([1, 3, 4, 5]);
  expect(marked('endsGroup')).toEqual([2, 3, 4, 6]);
  expect(marked('isFirstUnread')).toEqual([5]);
});

it('shows a message once while it is both outgoing and stored, under the same key', () => {
  const entry = {
    clientId: 'client-2',
    conversationId: direct,
    recipient: { to: other },
    text: 'Two',
    createdAt: at(5, 1),
    order: 1,
    state: 'pending' as const,
  };
  const before = toRows([message(1)], [entry], own, Number.POSITIVE_INFINITY);
  const stored = message(2, { senderId: own });
  const after = toRows([message(1), stored], [entry], own, Number.POSITIVE_INFINITY);
  expect(before.map(({ kind }) => kind)).toEqual(['stored', 'outgoing']);
  expect(after.map(({ kind }) => kind)).toEqual(['stored', 'stored']);
  expect(after.at(-1)?.key).toBe(before.at(-1)?.key);
});
