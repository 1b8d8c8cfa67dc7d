/**
 * Tells the server how far this client has received the conversations, so that who wrote sees
 * that it arrived: many in one event, a moment after the first of them moved and then seldom,
 * because each event counts against the connection's allowance. What was read is not told: that
 * is more. An event that fails is made up for by a later one.
 */
import { limits } from '../../protocol/limits.ts';
import type { ReadPosition } from '../../protocol/types.ts';
import { askedDelay, isRetryable } from './errors.ts';
import type { MessageStore } from './message-store.ts';

export interface DeliveredPositionsOptions {
  store: MessageStore;
  /** Resolves with what the server took. */
  send: (positions: { conversationId: string; seq: number }[]) => Promise<readonly ReadPosition[]>;
  /** Milliseconds between two events. */
  interval?: number;
}

/** Most of what comes together is together by then. */
const GATHER_MS = 250;
const INTERVAL_MS = 6_000;

export class DeliveredPositions {
  readonly #options: DeliveredPositionsOptions;
  /** Conversation -> seq that the server was told. */
  readonly #told = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  #isBusy = false;
  /** Nothing is sent before this time, by performance.now(). */
  #notBefore = 0;

  constructor(options: DeliveredPositionsOptions) {
    this.#options = options;
    options.store.changed.listen(() => this.#later());
  }

  /** The connection is there, and the store knows what the lists say. */
  start(): void {
    this.#running = true;
    this.#later();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Numbers of this conversation belong to other messages now. */
  forget(conversationId: string): void {
    this.#told.delete(conversationId);
  }

  #later(): void {
    if (!this.#running || this.#isBusy || this.#timer !== undefined) return;
    const rest = Math.max(GATHER_MS, this.#notBefore - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#tell();
    }, rest);
  }

  async #tell(): Promise<void> {
    const { send, interval = INTERVAL_MS } = this.#options;
    const positions = this.#untold().slice(0, limits.deliveredPositions);
    if (positions.length === 0) return;
    this.#isBusy = true;
    let pause = interval;
    // Told once, whatever comes of it: where one is no longer a member nothing is taken.
    this.#note(positions);
    try {
      // Where the server was a moment behind it takes less; the rest is told with the next.
      this.#note(await send(positions));
    } catch (error) {
      if (isRetryable(error)) for (const one of positions) this.#told.delete(one.conversationId);
      pause = Math.max(interval, askedDelay(error));
    }
    this.#isBusy = false;
    this.#notBefore = performance.now() + pause;
    if (this.#untold().length > 0) this.#later();
  }

  #note(positions: readonly { conversationId: string; seq: number }[]): void {
    for (const { conversationId, seq } of positions) this.#told.set(conversationId, seq);
  }

  #untold(): { conversationId: string; seq: number }[] {
    const { store } = this.#options;
    return [...store.summaries()].flatMap(([conversationId, { last, readSeq }]) => {
      const seq = last?.seq ?? 0;
      const known = Math.max(readSeq, this.#told.get(conversationId) ?? 0);
      return seq > known ? [{ conversationId, seq }] : [];
    });
  }
}
