/**
 * Who is writing something. One's own writing is told seldom, because each word counts against
 * the connection's allowance of events; that of others is over when nothing more is heard.
 */
import { Emitter } from './emitter.ts';

export interface TypingOptions {
  /** Failures do not matter. */
  tell: (conversationId: string, active: boolean) => Promise<unknown>;
  /** Milliseconds from one word to the next while somebody goes on writing. */
  every?: number;
}

const EVERY = 4_000;
/** Two words may be late; a third is not waited for. */
const LASTS = 2.5;

const nobody: readonly string[] = [];

export class Typing {
  readonly changed = new Emitter();
  readonly #options: TypingOptions;
  readonly #every: number;
  /** Conversation -> when it was told last, by Date.now(). */
  readonly #told = new Map<string, number>();
  /** Conversation -> person -> until when without a further word. */
  readonly #timers = new Map<string, Map<string, ReturnType<typeof setTimeout>>>();
  readonly #views = new Map<string, readonly string[]>();

  constructor(options: TypingOptions) {
    this.#options = options;
    this.#every = options.every ?? EVERY;
  }

  /** Ids of those who are writing there. The same array until they change. */
  in(conversationId: string): readonly string[] {
    return this.#views.get(conversationId) ?? nobody;
  }

  /** One wrote something that is not sent yet. */
  wrote(conversationId: string): void {
    const now = Date.now();
    if (now - (this.#told.get(conversationId) ?? 0) < this.#every) return;
    this.#told.set(conversationId, now);
    this.#tell(conversationId, true);
  }

  /** One gave up what one was writing. Who sends it need not say so. */
  stopped(conversationId: string): void {
    if (this.#told.delete(conversationId)) this.#tell(conversationId, false);
  }

  /** One sent what one was writing: the message says so. */
  sent(conversationId: string): void {
    this.#told.delete(conversationId);
  }

  /** Somebody else writes, or no longer does. */
  note(conversationId: string, userId: string, active: boolean): void {
    const timers = this.#timers.get(conversationId) ?? new Map();
    const before = timers.get(userId);
    if (before === undefined && !active) return;
    clearTimeout(before);
    timers.delete(userId);
    if (active) {
      const end = () => this.note(conversationId, userId, false);
      timers.set(userId, setTimeout(end, this.#every * LASTS));
    }
    if (timers.size === 0) this.#timers.delete(conversationId);
    else this.#timers.set(conversationId, timers);
    if ((before !== undefined) === active) return;
    if (timers.size === 0) this.#views.delete(conversationId);
    else this.#views.set(conversationId, [...timers.keys()]);
    this.changed.emit();
  }

  /** The connection is gone, and with it the words that would end it. */
  clear(): void {
    for (const timers of this.#timers.values()) {
      for (const timer of timers.values()) clearTimeout(timer);
    }
    this.#timers.clear();
    this.#views.clear();
    this.#told.clear();
    this.changed.emit();
  }

  #tell(conversationId: string, active: boolean): void {
    this.#options.tell(conversationId, active).catch(() => undefined);
  }
}
