/**
 * What this instance knows to have changed, so that no copy is used that was read before.
 *
 * Every change is told under a tag: at once by the instance that made it, soon after by the
 * others' words (bus topic `changed`), and at the latest by the poll of changes (change-poll.ts)
 * or by what was announced. A copy carries the time at which its reading began; it is current
 * when nothing under its tag was told since.
 *
 * Times are milliseconds since 1970 by this machine's clock, and no two of a process are equal.
 * A copy of another instance is compared with a margin for the difference of the clocks.
 */
import { LRUCache } from 'lru-cache';
import type { Bus } from './bus.ts';

const REMEMBERED_CHANGES = 200_000;
/** Clocks of instances differ by less; so much longer a change keeps copies of others away. */
export const CLOCK_MARGIN_MS = 2_000;

export interface Freshness {
  /** From now on changes are heard of: what was read before it may be out of date. */
  begin(): void;
  /** A time for a reading that begins now. */
  now(): number;
  /** Something under the tag has changed; `told` to the other instances unless they know. */
  changed(tag: string, told?: boolean): void;
  /** Whether nothing under the tag is known to have changed since `readAt`. */
  isCurrent(tag: string, readAt: number): boolean;
}

export function createFreshness(
  bus: Pick<Bus, 'publish' | 'on' | 'onGap'>,
  /** Whether there are others to tell. */
  hasPeers: () => boolean,
): Freshness {
  let last = 0;
  /** Whatever was read before it is not current. */
  let floor = 0;
  const changes = new LRUCache<string, number>({
    max: REMEMBERED_CHANGES,
    dispose: (at, _tag, reason) => {
      // What is no longer known to have changed may have.
      if (reason === 'evict') floor = Math.max(floor, at);
    },
  });

  function now(): number {
    // By the clock that instances share, which may be set back, as this never is.
    last = Math.max(Date.now(), last + 0.001);
    return last;
  }

  bus.on<{ tag: string }>('changed', ({ tag }) => {
    changes.set(tag, now());
  });
  function begin(): void {
    floor = now();
  }
  bus.onGap(begin);

  return {
    begin,
    now,
    changed: (tag, told = true) => {
      changes.set(tag, now());
      // At once, so that it comes before what the change is told by to people.
      if (told && hasPeers()) bus.publish('changed', { tag });
    },
    isCurrent: (tag, readAt) => readAt > Math.max(floor, changes.get(tag) ?? 0),
  };
}
