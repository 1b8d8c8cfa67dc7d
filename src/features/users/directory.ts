/**
 * The beginning of the directory by name, held in memory: what everybody's sidebar is filled up
 * with. Who signs up or changes their name is put in its place; nothing is read again for it.
 */
import type { CacheContext } from '../../infra/cache.ts';
import { limits } from '../../protocol/limits.ts';
import type { UserProfile } from './users.store.ts';

/** A sidebar shows at most `sidebarMax`, after leaving out as many, and oneself. */
const HELD = 2 * limits.sidebarMax + 1;
const HELD_MS = 5 * 60_000;

/** As the database's collation orders names: accents count, case does not. */
const collator = new Intl.Collator('en', { sensitivity: 'accent' });
const byName = (a: UserProfile, b: UserProfile): number =>
  collator.compare(a.fullName, b.fullName) || (a._id < b._id ? -1 : a._id > b._id ? 1 : 0);

export interface Directory {
  /** Undefined: not known here, to be asked of the database. */
  list(without: readonly string[], limit: number): Promise<UserProfile[] | undefined>;
  /** A profile as it is now. */
  place(user: UserProfile): void;
  touch(ids: readonly string[], lastSeenAt: Date): void;
}

export function createDirectory(deps: {
  caches: CacheContext;
  /** The first by name. */
  read: (limit: number) => Promise<UserProfile[]>;
}): Directory {
  const { caches } = deps;
  let users: UserProfile[] = [];
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;
  /** Heard of while the list is read. */
  let meanwhile: UserProfile[] = [];
  const counts = { hit: 0, miss: 0, stale_prevented: 0 };
  caches.figures.set('directory', () => ({
    process: { ...counts, entries: users.length },
    redis: { hit: 0, miss: 0, stale_prevented: 0 },
  }));

  function put(user: UserProfile): void {
    const before = users.findIndex(({ _id }) => _id === user._id);
    if (before >= 0) users.splice(before, 1);
    let low = 0;
    for (let high = users.length; low < high; ) {
      const middle = (low + high) >>> 1;
      const other = users[middle];
      if (other !== undefined && byName(other, user) < 0) low = middle + 1;
      else high = middle;
    }
    // Beyond the end of a full list there may be others before this one.
    if (low === users.length && users.length >= HELD) return;
    // One that left a full list leaves a place that somebody not held belongs to.
    if (before >= 0 && low === users.length && users.length === HELD - 1) {
      readAt = Number.NEGATIVE_INFINITY;
    }
    users.splice(low, 0, user);
    if (users.length > HELD) users.pop();
  }

  async function readAgain(): Promise<void> {
    const startedAt = performance.now();
    try {
      users = await deps.read(HELD);
      readAt = startedAt;
      for (const user of meanwhile) put(user);
    } finally {
      meanwhile = [];
      reading = undefined;
    }
  }

  return {
    list: async (without, limit) => {
      if (!caches.enabled || !caches.trusted()) return undefined;
      if (performance.now() - readAt > HELD_MS) {
        counts.miss++;
        reading ??= readAgain();
        await reading;
      } else counts.hit++;
      const left = new Set(without);
      const found: UserProfile[] = [];
      for (const user of users) {
        if (found.length === limit) break;
        if (!left.has(user._id)) found.push(user);
      }
      return found.length < limit && users.length >= HELD ? undefined : found;
    },
    place: (user) => {
      if (reading !== undefined) meanwhile.push(user);
      if (users.length > 0) put(user);
    },
    touch: (ids, lastSeenAt) => {
      const touched = new Set(ids);
      for (const [index, user] of users.entries()) {
        if (touched.has(user._id) && user.lastSeenAt < lastSeenAt) {
          users[index] = { ...user, lastSeenAt };
        }
      }
    },
  };
}
