/**
 * Asks the server for what was missed: after each connection, and whenever the store says that
 * something does not join on. One question at a time; the answer may say that more is waiting.
 */
import { limits } from '../../protocol/limits.ts';
import type { Position, SyncResult } from '../../protocol/types.ts';
import { askedDelay } from './errors.ts';
import type { MessageStore } from './message-store.ts';

export interface CatchUpOptions {
  store: MessageStore;
  sync: (since: Record<string, Position>) => Promise<SyncResult>;
  /** Conversations that this client did not know, or may no longer see. */
  onMembership: (change: { joined: string[]; left: string[] }) => void;
}

/** What is only overtaken on its way arrives by itself within this time. */
const GAP_PATIENCE = 150;
const PAUSE_AFTER_FAILURE = 2_000;

export class CatchUp {
  readonly #options: CatchUpOptions;
  #running = false;
  #busy = false;
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    options.store.behind.listen(() => this.#later(GAP_PATIENCE));
  }

  /** The connection is there, and the store knows what the lists say. */
  start(): void {
    this.#running = true;
    this.#later(0);
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #later(pause: number): void {
    if (!this.#running) return;
    if (this.#busy) this.#again = true;
    else
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        void this.#run();
      }, pause);
  }

  async #run(): Promise<void> {
    if (this.#busy || !this.#running) return;
    this.#busy = true;
    let pause = 0;
    try {
      do {
        this.#again = false;
      } while ((await this.#step()) || this.#again);
    } catch (error) {
      pause = Math.max(PAUSE_AFTER_FAILURE, askedDelay(error));
    }
    this.#busy = false;
    if (pause > 0) this.#later(pause);
  }

  /** Whether a further question is needed. */
  async #step(): Promise<boolean> {
    const { store, sync, onMembership } = this.#options;
    const asked = Object.entries(store.positions()).slice(0, limits.syncConversations);
    const { changes, joined, left, more } = await sync(Object.fromEntries(asked));
    for (const change of changes) store.applyChanges(change);
    if (joined.length > 0 || left.length > 0) onMembership({ joined, left });
    // An answer that moves no position will not bring more when it is asked again.
    const now = store.positions();
    const hasMoved = changes.some(({ conversationId }) => {
      const before = Object.fromEntries(asked)[conversationId];
      const after = now[conversationId];
      return before?.seq !== after?.seq || before?.rev !== after?.rev;
    });
    return more && hasMoved;
  }
}
