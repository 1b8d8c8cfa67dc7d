/**
 * Tells the server how far one has read: at once here, seldom there, and again after a failure,
 * because a badge that returns on another device is worse than one event more.
 */
import { isRetryable } from './errors.ts';
import type { MessageStore } from './message-store.ts';

export interface ReadPositionsOptions {
  store: MessageStore;
  ownId: string;
  send: (conversationId: string, seq: number) => Promise<unknown>;
  /** Milliseconds between two reports of one conversation. */
  interval?: number;
}

export class ReadPositions {
  readonly #options: ReadPositionsOptions;
  readonly #unreported = new Map<string, number>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #running = false;

  constructor(options: ReadPositionsOptions) {
    this.#options = options;
  }

  /** The person has everything up to this message before their eyes. */
  seen(conversationId: string, seq: number): void {
    const { store, ownId, interval = 3_000 } = this.#options;
    if (seq <= store.readSeq(conversationId)) return;
    store.noteRead({ conversationId, seq, userId: ownId });
    this.#unreported.set(conversationId, seq);
    if (this.#timers.has(conversationId)) return;
    this.#rest(conversationId, interval);
    void this.#report(conversationId);
  }

  /** Reports what is still unreported, as when the conversation is left. */
  flush(conversationId: string): void {
    void this.#report(conversationId);
  }

  start(): void {
    this.#running = true;
    for (const conversationId of this.#unreported.keys()) void this.#report(conversationId);
  }

  stop(): void {
    this.#running = false;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #rest(conversationId: string, interval: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(conversationId);
      if (!this.#unreported.has(conversationId)) return;
      this.#rest(conversationId, interval);
      void this.#report(conversationId);
    }, interval);
    this.#timers.set(conversationId, timer);
  }

  async #report(conversationId: string): Promise<void> {
    const seq = this.#unreported.get(conversationId);
    if (seq === undefined || !this.#running) return;
    this.#unreported.delete(conversationId);
    try {
      await this.#options.send(conversationId, seq);
    } catch (error) {
      // Refused for good, as where one is no longer a member.
      if (!isRetryable(error)) return;
      const newer = this.#unreported.get(conversationId) ?? 0;
      this.#unreported.set(conversationId, Math.max(seq, newer));
    }
  }
}
