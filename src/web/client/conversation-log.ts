/**
 * What a client holds of one conversation: a window of messages without holes, from some
 * message on to the newest known. Older pages grow it at the front, live messages at the end.
 * A message that does not join on is set aside until what lies between has come.
 */
import type { Message, Position } from '../../protocol/types.ts';

/**
 * - `added`: new, and the window has grown
 * - `known`: nothing new, or older than the window
 * - `gap`: set aside, something before it is missing
 * - `mismatch`: another message stood at this number; this copy belongs to another history
 */
export type Receipt = 'added' | 'known' | 'gap' | 'mismatch';

/** Changes of messages before the window that are held; the oldest are given up. */
const EARLY_CHANGES = 200;

export class ConversationLog {
  #messages: Message[] = [];
  readonly #aside = new Map<number, Message>();
  /** By number: such a message may be on its way, read or told before the change. */
  readonly #changedBefore = new Map<number, Message>();
  #rev = 0;
  #atStart = false;
  #paged = false;

  /** Ascending and contiguous. A new array after each change. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** Messages that wait for what is missing before them, ascending. */
  get aside(): readonly Message[] {
    return [...this.#aside.values()].sort((a, b) => a.seq - b.seq);
  }

  /** Number of the newest message of the window; 0 when it is empty. */
  get lastSeq(): number {
    return this.#messages.at(-1)?.seq ?? 0;
  }

  get firstSeq(): number | undefined {
    return this.#messages[0]?.seq;
  }

  /** Whether there is nothing older than the window. */
  get atStart(): boolean {
    return this.#atStart || this.firstSeq === 1;
  }

  /** Whether a page of history was read, so that there is enough to show. */
  get paged(): boolean {
    return this.#paged || this.atStart;
  }

  get position(): Position & { lastId: string } {
    const last = this.#messages.at(-1);
    return { seq: last?.seq ?? 0, rev: this.#rev, lastId: last?._id ?? '' };
  }

  /** Takes one message in, wherever it came from; its change may have come before it. */
  receive(received: Message): Receipt {
    const message = this.asChanged(received);
    const { firstSeq, lastSeq } = this;
    if (firstSeq === undefined && !this.#atStart) {
      this.#messages = [message];
      return 'added';
    }
    if (message.seq > lastSeq + 1) {
      const known = this.#aside.get(message.seq);
      if (known === undefined || message.rev >= known.rev) this.#aside.set(message.seq, message);
      return 'gap';
    }
    if (message.seq === lastSeq + 1) {
      this.#messages = [...this.#messages, message];
      this.#takeFromAside();
      return 'added';
    }
    if (firstSeq === undefined || message.seq < firstSeq - 1) {
      return message.rev > 0 ? this.#holdChange(message) : 'known';
    }
    if (message.seq === firstSeq - 1) {
      // Overtaken on its way by the message that began this window.
      this.#messages = [message, ...this.#messages];
      return 'added';
    }
    return this.#replace(message.seq - firstSeq, message);
  }

  /**
   * Takes in how a message became, as it was told live. Every change up to it is known only if
   * every one before it is; else it is a `gap`, though the message is taken.
   */
  change(message: Message): Receipt {
    const isNext = message.rev <= this.#rev + 1;
    if (isNext) this.caughtUpTo(message.rev);
    const { firstSeq } = this;
    const isBefore = firstSeq === undefined || message.seq < firstSeq;
    const receipt = isBefore ? this.#holdChange(message) : this.receive(message);
    return isNext ? receipt : 'gap';
  }

  /** A message as it is now, as far as changes told of it are held. */
  asChanged(message: Message): Message {
    const later = this.#changedBefore.get(message.seq);
    return later !== undefined && later._id === message._id && later.rev > message.rev
      ? later
      : message;
  }

  /** Takes a page of history in, ascending and contiguous, wherever it joins the window. */
  addPage(read: readonly Message[], hasOlder: boolean): void {
    this.#paged = true;
    const page = read.map((message) => this.asChanged(message));
    for (const { seq } of read) this.#changedBefore.delete(seq);
    const first = page[0];
    const last = page.at(-1);
    if (!first || !last) {
      if (!hasOlder) this.#atStart = true;
      return;
    }
    const mine = this.#messages;
    const myFirst = mine[0]?.seq ?? first.seq;
    if (last.seq < myFirst - 1) return;
    if (mine.length === 0 || first.seq > this.lastSeq + 1) this.#messages = [...page];
    else {
      const older = page.filter((message) => message.seq < myFirst);
      const newer = page.filter((message) => message.seq > this.lastSeq);
      for (const message of page) {
        const index = message.seq - myFirst;
        if (index >= 0 && index < mine.length) this.#replace(index, message);
      }
      this.#messages = [...older, ...this.#messages, ...newer];
    }
    if (this.firstSeq === first.seq) this.#atStart = !hasOlder;
    this.#takeFromAside();
  }

  /** Drops everything and takes these messages instead. */
  reset(messages: readonly Message[], rev: number): void {
    this.#messages = [...messages];
    this.#aside.clear();
    this.#changedBefore.clear();
    this.#rev = rev;
    this.#atStart = false;
    this.#paged = messages.length > 0;
  }

  /** Remembers that every change up to this one is known. */
  caughtUpTo(rev: number): void {
    this.#rev = Math.max(this.#rev, rev);
  }

  #replace(index: number, message: Message): Receipt {
    const mine = this.#messages[index];
    if (mine?._id !== message._id) return 'mismatch';
    if (message.rev <= mine.rev) return 'known';
    this.#messages = this.#messages.with(index, message);
    return 'added';
  }

  #holdChange(message: Message): Receipt {
    const known = this.#changedBefore.get(message.seq);
    if (known !== undefined && known.rev >= message.rev) return 'known';
    this.#changedBefore.delete(message.seq);
    this.#changedBefore.set(message.seq, message);
    const [oldest] = this.#changedBefore.keys();
    if (this.#changedBefore.size > EARLY_CHANGES && oldest !== undefined) {
      this.#changedBefore.delete(oldest);
    }
    return 'known';
  }

  #takeFromAside(): void {
    const joined: Message[] = [];
    for (let seq = this.lastSeq + 1; ; seq += 1) {
      const next = this.#aside.get(seq);
      if (!next) break;
      joined.push(this.asChanged(next));
    }
    if (joined.length > 0) this.#messages = [...this.#messages, ...joined];
    for (const seq of [...this.#aside.keys()]) if (seq <= this.lastSeq) this.#aside.delete(seq);
  }
}
