/**
 * Writes the conversations' heads behind the messages, joined: while one bulk write is under
 * way, the heads of all batches stored meanwhile wait together, and of each conversation only
 * the newest is written. So the next batch of messages need not wait for the heads of the last.
 */
import type { HeadAdvance } from '../conversations/conversations.store.ts';

/** Resolves when heads at or beyond the given ones are committed. */
export type AdvanceHeads = (advances: HeadAdvance[]) => Promise<void>;

/** @param write one bulk write, majority and journal; its failure fails everyone who waits for it. */
export function createHeadWriter(write: AdvanceHeads): AdvanceHeads {
  let waiting = new Map<string, HeadAdvance>();
  let next: Promise<void> | undefined;
  let underWay: Promise<void> = Promise.resolve();

  async function writeWaiting(): Promise<void> {
    await underWay.catch(() => undefined);
    const advances = [...waiting.values()];
    waiting = new Map();
    next = undefined;
    underWay = write(advances);
    return underWay;
  }

  function join(advance: HeadAdvance): void {
    const known = waiting.get(advance.conversationId);
    if (known === undefined) {
      waiting.set(advance.conversationId, { ...advance, sent: new Map(advance.sent) });
      return;
    }
    for (const [userId, seq] of advance.sent) {
      known.sent.set(userId, Math.max(seq, known.sent.get(userId) ?? 0));
    }
    if (advance.seq > known.seq) {
      known.seq = advance.seq;
      known.lastId = advance.lastId;
    }
  }

  return (advances) => {
    for (const advance of advances) join(advance);
    next ??= writeWaiting();
    return next;
  };
}
