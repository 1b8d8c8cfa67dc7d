/**
 * Up to when the terms of messages are written, kept for the case that an instance ends.
 *
 * Each instance has a mark in the database: everything that it stored before that time has its
 * terms. It is moved twice a minute; an instance that stops in order leaves none. Who finds the mark
 * of an instance that is gone takes it over: its own mark goes back to it, and then the other one is
 * removed. A deployment that never had a search begins with a mark at the beginning of time.
 */
import type { Cluster } from '../../infra/cluster.ts';
import type { Logger } from '../../infra/logger.ts';
import type { Mark, SearchStore } from './search.store.ts';

/** How often the own mark moves on, and the marks of others are looked at. */
const MARK_MS = 30_000;
/** By then an instance that starts knows the others by their heartbeats. */
const FIRST_LOOK_MS = 3_000;

export type Marks = ReturnType<typeof createMarks>;

export function createMarks(deps: {
  store: Pick<SearchStore, 'claimCompleteness' | 'isComplete' | 'setMark' | 'marks' | 'removeMark'>;
  cluster: Pick<Cluster, 'instanceId' | 'peers' | 'ownerOf' | 'onLeave'>;
  /** Before it everything that this instance stored has its terms. */
  now: () => Date;
  /** What is stored or changed from a time on is looked through. */
  walkFrom: (time: Date) => void;
  log: Logger;
}) {
  const { store, cluster, log } = deps;
  const self = cluster.instanceId;
  /** Who was not there at the last look. */
  let missing = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let closed = false;

  async function look(): Promise<void> {
    await store.setMark({ instanceId: self, at: deps.now() });
    const there = new Set([self, ...cluster.peers()]);
    const gone = (await store.marks()).filter(({ instanceId }) => !there.has(instanceId));
    const before = missing;
    missing = new Set(gone.map(({ instanceId }) => instanceId));
    for (const mark of gone) {
      // One that just starts is known by the next look.
      if (before.has(mark.instanceId)) await takeOver(mark);
    }
  }

  async function takeOver(mark: Mark): Promise<void> {
    if (cluster.ownerOf(mark.instanceId) !== self) return;
    log.info({ instance: mark.instanceId, since: mark.at }, 'terms of messages are looked through');
    deps.walkFrom(mark.at);
    // The own mark first: when this instance dies, too, the next one takes over both.
    await store.setMark({ instanceId: self, at: deps.now() }, true);
    await store.removeMark(mark);
  }

  function lookSoon(ms: number): void {
    if (closed) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      looking = look()
        .catch((error: unknown) => log.warn({ err: error }, 'the mark of the search stays'))
        .finally(() => lookSoon(missing.size > 0 ? FIRST_LOOK_MS : MARK_MS));
    }, ms);
  }

  cluster.onLeave((peer) => {
    missing.add(peer);
    lookSoon(0);
  });

  return {
    /** Sets the first mark; older messages without terms are looked through from now on. */
    start: async (): Promise<void> => {
      const isNew = !(await store.isComplete());
      if (isNew) deps.walkFrom(new Date(0));
      await store.setMark({ instanceId: self, at: deps.now() }, true);
      // Behind the mark: an instance that ends in between leaves it to the next one.
      if (isNew) await store.claimCompleteness();
      missing = new Set((await store.marks()).map(({ instanceId }) => instanceId));
      lookSoon(FIRST_LOOK_MS);
    },
    /** No look any more. */
    stop: async (): Promise<void> => {
      closed = true;
      clearTimeout(timer);
      await looking;
    },
    /** @param at up to when there are terms; undefined: nothing is missing, and no mark is left */
    leave: async (at: Date | undefined): Promise<void> => {
      if (at === undefined) await store.removeMark({ instanceId: self });
      else await store.setMark({ instanceId: self, at }, true);
    },
  };
}
