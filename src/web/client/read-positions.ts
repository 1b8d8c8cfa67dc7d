/**
 * Tells the server how far one has read: at once here, seldom there, and again after a failure,
 * because a badge that returns on another device is worse than one event more.
 *
 * One conversation at a time, so that going through many does not use up the connection's
 * allowance of events. What still waits when the page goes away is told by requests of its own.
 */
import { askedDelay, isRetryable } from './errors.ts';
import type { MessageStore } from './message-store.ts';

export interface ReadPositionsOptions {
  store: MessageStore;
  ownId: string;
  send: (conversationId: string, seq: number) => Promise<unknown>;
  /** The same, by a way that outlives the page. */
  sendLast: (conversationId: string, seq: number) => Promise<unknown>;
  /** Milliseconds between two reports, of whichever conversations. */
  interval?: number;
}

/** Those read last; a browser carries only so much behind a page that is gone. */
const FLUSHED_AT_ONCE = 50;

export class ReadPositions {
  readonly #options: ReadPositionsOptions;
  /** Conversation -> seq, the one that waited longest first. */
  readonly #unreported = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;

  constructor(options: ReadPositionsOptions) {
    this.#options = options;
  }

  /** The person has everything up to this message before their eyes. */
  seen(conversationId: string, seq: number): void {
    const { store, ownId } = this.#options;
    if (seq <= store.readSeq(conversationId)) return;
    store.noteRead({ conversationId, seq, userId: ownId });
    this.#unreported.set(conversationId, seq);
    this.#reportNext();
  }

  start(): void {
    this.#running = true;
    this.#reportNext();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Tells all that waits, at once. */
  flush(): void {
    const { sendLast } = this.#options;
    for (const position of [...this.#unreported].slice(-FLUSHED_AT_ONCE)) {
      void this.#report(...position, sendLast);
    }
  }

  #reportNext(): void {
    if (!this.#running || this.#timer !== undefined) return;
    const [next] = this.#unreported;
    if (next === undefined) return;
    this.#rest(0);
    void this.#report(...next, this.#options.send);
  }

  /** @param asked by the server, in milliseconds */
  #rest(asked: number): void {
    clearTimeout(this.#timer);
    const pause = Math.max(asked, this.#options.interval ?? 3_000);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#reportNext();
    }, pause);
  }

  async #report(
    conversationId: string,
    seq: number,
    send: ReadPositionsOptions['send'],
  ): Promise<void> {
    this.#unreported.delete(conversationId);
    try {
      await send(conversationId, seq);
    } catch (error) {
      // Refused for good, as where one is no longer a member.
      if (!isRetryable(error)) return;
      const newer = this.#unreported.get(conversationId) ?? 0;
      this.#unreported.set(conversationId, Math.max(seq, newer));
      if (this.#running) this.#rest(askedDelay(error));
    }
  }
}
