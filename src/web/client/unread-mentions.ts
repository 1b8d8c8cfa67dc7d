/**
 * Which unread messages of one conversation name oneself or all: told by the server's list, and
 * by every message that came since. What belongs to the later `rev` counts, whichever came first.
 */
import { limits } from '../../protocol/limits.ts';
import { EVERYONE } from '../../protocol/mentions.ts';
import type { Message } from '../../protocol/types.ts';

/** What a list from the server says: the unread messages that name one. */
export interface MentionSeed {
  /** Ascending. */
  seqs: readonly number[];
  /** The list knows all messages up to this one, with every change up to `rev`. */
  upTo: number;
  rev: number;
}

interface Known {
  rev: number;
  isNamed: boolean;
}

export class UnreadMentions {
  readonly #ownId: string;
  /** By number. Of messages that do not name one only those that were changed. */
  readonly #known = new Map<number, Known>();
  #count = 0;

  constructor(ownId: string) {
    this.#ownId = ownId;
  }

  get count(): number {
    return this.#count;
  }

  /** An unread message, as it is now or was before a change that is known already. */
  note({ seq, rev, senderId, mentions = [] }: Message): void {
    const isForOne = mentions.includes(this.#ownId) || mentions.includes(EVERYONE);
    const isNamed = isForOne && senderId !== this.#ownId;
    if (isNamed || rev > 0) this.#take(seq, { rev, isNamed });
  }

  /** @param readSeq how far one has read, as this client knows it */
  seed({ seqs, upTo, rev }: MentionSeed, readSeq: number): void {
    const told = new Set(seqs);
    // Of very many only the newest are listed.
    const first = seqs.length < limits.mentionSeqs ? 0 : (seqs[0] ?? 0);
    for (const [seq, { isNamed }] of [...this.#known]) {
      const isListed = seq >= first && seq <= upTo;
      if (isNamed && isListed && !told.has(seq)) this.#take(seq, { rev, isNamed: false });
    }
    for (const seq of seqs) if (seq > readSeq) this.#take(seq, { rev, isNamed: true });
  }

  /** Everything up to this message was read. */
  readUpTo(readSeq: number): void {
    for (const [seq, { isNamed }] of [...this.#known]) {
      if (seq > readSeq) continue;
      this.#known.delete(seq);
      if (isNamed) this.#count -= 1;
    }
  }

  #take(seq: number, known: Known): void {
    const before = this.#known.get(seq);
    if (before !== undefined && before.rev > known.rev) return;
    this.#known.set(seq, known);
    this.#count += Number(known.isNamed) - Number(before?.isNamed ?? false);
  }
}
