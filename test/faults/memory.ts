/**
 * What a client held of its conversations at any time, kept beside it: a client that has lost
 * its older messages looks like one that began later.
 */
import type { Message } from '../../src/protocol/types.ts';

/** One conversation, as its client had it. */
export interface Remembered {
  /** The lowest number it ever held; undefined: nothing yet. */
  lowest: number | undefined;
  /** What came live: id -> number. */
  live: Map<string, number>;
  /** How often the server said that its copy belongs to another history. */
  resets: number;
}

export interface Memory {
  /** Notes what the client holds now, in order. */
  note(conversationId: string, held: readonly Pick<Message, 'seq'>[]): void;
  /** Notes what the server told by itself. */
  noteLive(message: Pick<Message, '_id' | 'conversationId' | 'seq'>): void;
  /** What was held before is of another history. */
  beginAnew(conversationId: string): void;
  of(conversationId: string): Remembered;
}

/** A memory that has nothing yet. */
export function createMemory(): Memory {
  const all = new Map<string, Remembered>();
  const of = (conversationId: string): Remembered => {
    const known = all.get(conversationId);
    if (known !== undefined) return known;
    const fresh = { lowest: undefined, live: new Map<string, number>(), resets: 0 };
    all.set(conversationId, fresh);
    return fresh;
  };
  return {
    of,
    note: (conversationId, [first]) => {
      const remembered = of(conversationId);
      if (first !== undefined) {
        remembered.lowest = Math.min(first.seq, remembered.lowest ?? first.seq);
      }
    },
    noteLive: ({ _id, conversationId, seq }) => {
      of(conversationId).live.set(_id, seq);
    },
    beginAnew: (conversationId) => {
      const remembered = of(conversationId);
      // Who held nothing has lost nothing.
      if (remembered.lowest !== undefined) remembered.resets++;
      remembered.lowest = undefined;
      remembered.live.clear();
    },
  };
}
