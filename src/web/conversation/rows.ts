/** Turns messages into what the list shows: who is grouped with whom, where a day begins. */
import type { Message } from '../../protocol/types.ts';
import type { OutboxEntry } from '../client/outbox.ts';
import { dayOf } from '../state/wording.ts';

interface Place {
  /** Stays the same when an outgoing message becomes a stored one. */
  key: string;
  createdAt: string;
  senderId: string;
  isOwn: boolean;
  /** Heading over the first message of a day. */
  startsDay: boolean;
  /** First and last of the same person's messages in a row. */
  startsGroup: boolean;
  endsGroup: boolean;
  /** Whether the line "New messages" stands above. */
  isFirstUnread: boolean;
}

export type Row =
  | (Place & { kind: 'stored'; message: Message })
  | (Place & { kind: 'outgoing'; entry: OutboxEntry });

/** Messages of one person within this time belong together. */
const GROUP_SPAN = 5 * 60_000;

/**
 * @param unreadAfter the line "New messages" stands before the first foreign message after this
 *   number; Infinity for no line
 */
export function toRows(
  messages: readonly Message[],
  entries: readonly OutboxEntry[],
  ownId: string,
  unreadAfter: number,
): Row[] {
  const stored = new Set(messages.map((message) => message.clientId));
  const firstUnread = messages.find(
    (message) => message.seq > unreadAfter && message.senderId !== ownId,
  );
  const items = [
    ...messages.map((message) => ({ kind: 'stored' as const, message, ...author(message) })),
    ...entries
      .filter((entry) => !stored.has(entry.clientId))
      .map((entry) => ({
        kind: 'outgoing' as const,
        entry,
        senderId: ownId,
        createdAt: entry.createdAt,
      })),
  ];
  const breaks = items.map((item, index) => {
    const before = items[index - 1];
    if (!before || before.senderId !== item.senderId) return true;
    if (item.kind === 'stored' && item.message === firstUnread) return true;
    return Date.parse(item.createdAt) - Date.parse(before.createdAt) > GROUP_SPAN;
  });
  return items.map((item, index) => {
    const before = items[index - 1];
    const isOwn = item.senderId === ownId;
    const { createdAt } = item;
    return {
      ...item,
      key: item.kind === 'outgoing' ? item.entry.clientId : keyOf(item.message, isOwn),
      isOwn,
      startsDay: !before || dayOf(before.createdAt) !== dayOf(createdAt),
      startsGroup: breaks[index] ?? true,
      endsGroup: breaks[index + 1] ?? true,
      isFirstUnread: item.kind === 'stored' && item.message === firstUnread,
    };
  });
}

const author = ({ senderId, createdAt }: Message) => ({ senderId, createdAt });
const keyOf = (message: Message, isOwn: boolean) => (isOwn ? message.clientId : message._id);

/** The row of the message with this number; undefined where it is not held. */
export function keyAt(messages: readonly Message[], seq: number, ownId: string) {
  const message = messages[seq - (messages[0]?.seq ?? 0)];
  return message?.seq === seq ? keyOf(message, message.senderId === ownId) : undefined;
}

/** Whether two rows look the same, so that a row is not drawn again for nothing. */
export function isSameRow(a: Row, b: Row): boolean {
  const content = (row: Row) => (row.kind === 'stored' ? row.message : row.entry);
  return (
    content(a) === content(b) &&
    a.startsDay === b.startsDay &&
    a.startsGroup === b.startsGroup &&
    a.endsGroup === b.endsGroup &&
    a.isFirstUnread === b.isFirstUnread
  );
}
