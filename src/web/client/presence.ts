/**
 * Who is online, of the people that are on the screen. Components say whom they show; the set
 * is sent to the server seldom and grows for a while, so that scrolling through a long list
 * does not use up the connection's allowance of events.
 */
import type { PresenceState } from '../../protocol/types.ts';
import { Emitter } from './emitter.ts';

export interface PresenceOptions {
  watch: (userIds: string[]) => Promise<{ presence: PresenceState[] }>;
}

const FIRST_PAUSE = 150;
const PAUSE = 5_000;
/** Beyond this the set is cut back to the people shown right now. */
const GROWS_TO = 400;

export class Presence {
  readonly changed = new Emitter();
  readonly #options: PresenceOptions;
  readonly #states = new Map<string, PresenceState>();
  readonly #shown = new Map<string, number>();
  #watched = new Set<string>();
  #running = false;
  #lastAsked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** The same object until that person's state changes. */
  of(userId: string): PresenceState | undefined {
    return this.#states.get(userId);
  }

  /** Says that a person is on the screen, until the returned function is called. */
  show(userId: string): () => void {
    this.#shown.set(userId, (this.#shown.get(userId) ?? 0) + 1);
    if (!this.#watched.has(userId)) this.#askLater();
    return () => {
      const count = (this.#shown.get(userId) ?? 1) - 1;
      if (count === 0) this.#shown.delete(userId);
      else this.#shown.set(userId, count);
    };
  }

  note(states: readonly PresenceState[]): void {
    for (const state of states) this.#states.set(state.userId, state);
    this.changed.emit();
  }

  /** What a list says, for people of whom nothing newer is known. */
  seed(states: readonly PresenceState[]): void {
    this.note(states.filter((state) => !this.#watched.has(state.userId)));
  }

  /** A new connection watches nobody yet. */
  start(): void {
    this.#running = true;
    this.#watched = new Set();
    this.#lastAsked = 0;
    this.#askLater();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #askLater(): void {
    if (!this.#running || this.#timer !== undefined) return;
    const pause = Math.max(FIRST_PAUSE, this.#lastAsked + PAUSE - Date.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#ask();
    }, pause);
  }

  async #ask(): Promise<void> {
    const shown = [...this.#shown.keys()];
    if (shown.every((userId) => this.#watched.has(userId))) return;
    const grown = new Set([...this.#watched, ...shown]);
    const wanted = grown.size > GROWS_TO ? new Set(shown.slice(0, GROWS_TO)) : grown;
    this.#lastAsked = Date.now();
    try {
      const { presence } = await this.#options.watch([...wanted]);
      this.#watched = wanted;
      this.note(presence);
    } catch {
      this.#askLater();
    }
  }
}
