import type { Message } from '../../src/protocol/types.ts';

export const own = 'a'.repeat(24);
export const other = 'b'.repeat(24);
export const direct = `${own}-${other}`;
export const group = 'c'.repeat(24);

/** A stored message; what is left out follows from its number. */
export function message(seq: number, over: Partial<Message> = {}): Message {
  const time = new Date(Date.UTC(2026, 0, 5, 12, 0, seq)).toISOString();
  return {
    _id: seq.toString(16).padStart(24, '0'),
    conversationId: direct,
    seq,
    senderId: other,
    clientId: `client-${seq}`,
    text: `Message ${seq}`,
    rev: 0,
    createdAt: time,
    updatedAt: time,
    ...over,
  };
}

export const numbers = (messages: readonly Message[]): number[] => messages.map(({ seq }) => seq);

/** Consecutive messages, both ends included. */
export const messagesFrom = (first: number, last: number): Message[] =>
  Array.from({ length: last - first + 1 }, (_, index) => message(first + index));
