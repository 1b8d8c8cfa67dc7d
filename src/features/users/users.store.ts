import { LRUCache } from 'lru-cache';
import mongoose, { type Connection, type QueryFilter } from 'mongoose';
import { type CacheContext, createCache } from '../../infra/cache.ts';
import { isDuplicateKey } from '../../infra/mongo.ts';
import { createDirectory } from './directory.ts';

export interface UserRecord {
  _id: string;
  fullName: string;
  /** Lower case. */
  email: string;
  passwordHash: string;
  profilePic: string;
  /** Every beginning of every word of the name, lower case and without accents: the directory. */
  prefixes: string[];
  createdAt: Date;
  lastSeenAt: Date;
  /** When anything of it last changed, by the database's clock. */
  changedAt?: Date;
  /** Absent: no. */
  admin?: true;
}
/** A user without what only signing in needs. */
export type UserProfile = Omit<UserRecord, 'passwordHash' | 'prefixes' | 'changedAt'>;

/** Sorts and compares names as people do: without regard to case. */
const collation = { locale: 'en', strength: 2 } as const;

const schema = new mongoose.Schema<UserRecord>(
  {
    _id: String,
    fullName: String,
    email: String,
    passwordHash: String,
    profilePic: String,
    prefixes: { type: [String], default: undefined },
    createdAt: Date,
    lastSeenAt: Date,
    changedAt: Date,
    admin: Boolean,
  },
  { collection: 'users', versionKey: false },
);
schema.index({ email: 1 }, { unique: true });
schema.index({ fullName: 1, _id: 1 }, { collation });
// Beginnings are found by equality, so the index gives a page in the order of names, however many
// match; a search for "a" in a large directory costs no more than one for "annabel".
schema.index({ prefixes: 1, fullName: 1, _id: 1 }, { collation });
schema.index({ createdAt: 1 });
schema.index({ changedAt: 1 }, { sparse: true });

/** The collection with its indexes, registered on a connection. */
export const userModel = (connection: Connection) => connection.model<UserRecord>('User', schema);

const profile = '_id fullName email profilePic createdAt lastSeenAt admin';
const KNOWN_MAX = 50_000;
const COMPLETED_AT_ONCE = 1_000;
/** As long as the sidebar's: it is made of these. */
const PROFILES_MS = 5 * 60_000;
const CACHED_PROFILES = 100_000;

export type UserStore = ReturnType<typeof createUserStore>;

export function createUserStore(connection: Connection, caches: CacheContext) {
  const model = userModel(connection);
  // Users are never removed, so that one exists need be asked only once.
  const known = new LRUCache<string, true>({ max: KNOWN_MAX });

  const profiles = createCache<UserProfile>(caches, {
    name: 'users',
    ttlMs: PROFILES_MS,
    maxSize: CACHED_PROFILES,
    tagOf: (id) => `user:${id}`,
    revive: (user) => ({
      ...user,
      createdAt: new Date(user.createdAt),
      lastSeenAt: new Date(user.lastSeenAt),
    }),
  });
  const directory = createDirectory({
    caches,
    read: (limit) => readByName([], limit),
  });

  const readMany = (ids: string[]): Promise<UserProfile[]> =>
    model
      .find({ _id: { $in: ids } })
      .select(profile)
      .lean<UserProfile[]>()
      .exec();

  const readByName = (without: string[], limit: number): Promise<UserProfile[]> =>
    model
      .find({ _id: { $nin: without } })
      .sort({ fullName: 1, _id: 1 })
      .collation(collation)
      .limit(limit)
      .select(profile)
      .lean<UserProfile[]>()
      .exec();

  const findMany = (ids: readonly string[]): Promise<Map<string, UserProfile>> =>
    profiles.getMany(
      ids,
      async (missing) => new Map((await readMany(missing)).map((user) => [user._id, user])),
    );

  /** A profile as it is now, of which the other instances may not know. */
  function noteProfile(user: UserProfile): void {
    profiles.changed(user._id, () => user);
    directory.place(user);
  }

  return {
    /** @returns false when the e-mail has an account already. */
    insert: async (user: UserRecord): Promise<boolean> => {
      const { _id, ...fields } = user;
      try {
        // Not an insert, which could not take the time from the database.
        await model.updateOne(
          { _id },
          { $setOnInsert: fields, $currentDate: { changedAt: true } },
          { upsert: true },
        );
        const { passwordHash: _hash, prefixes: _prefixes, ...known } = user;
        noteProfile(known);
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    },
    findByEmail: (email: string): Promise<UserRecord | null> =>
      model.findOne({ email }).lean().exec(),
    find: async (id: string): Promise<UserProfile | null> => (await findMany([id])).get(id) ?? null,
    /** By id. */
    findMany,
    exists: async (id: string): Promise<boolean> => {
      if (known.has(id)) return true;
      const found = (await model.exists({ _id: id })) !== null;
      if (found) known.set(id, true);
      return found;
    },
    isAdmin: async (id: string): Promise<boolean> =>
      (await model.exists({ _id: id, admin: true })) !== null,
    /** Of the given ids those that are users. */
    existing: async (ids: string[]): Promise<Set<string>> => {
      const found = await model
        .find({ _id: { $in: ids } })
        .select('_id')
        .lean()
        .exec();
      return new Set(found.map((user) => user._id));
    },
    /** By name, leaving out some. */
    listByName: async (without: string[], limit: number): Promise<UserProfile[]> =>
      (await directory.list(without, limit)) ?? readByName(without, limit),
    /** Profiles that changed from `since` to `until`, the oldest first: the caches know them. */
    lookForChanges: async (
      since: Date,
      until: Date,
      limit: number,
    ): Promise<{ count: number; last?: Date }> => {
      const found = await model
        .find({ changedAt: { $gte: since, $lte: until } })
        .sort({ changedAt: 1 })
        .limit(limit)
        .select(`${profile} changedAt`)
        .lean<(UserProfile & { changedAt: Date })[]>()
        .exec();
      for (const { changedAt: _at, ...user } of found) {
        profiles.heard(user._id, (known) => isSameProfile(known, user));
        directory.place(user);
      }
      const last = found.at(-1)?.changedAt;
      return { count: found.length, ...(last === undefined ? {} : { last }) };
    },
    latestChange: async (): Promise<Date | undefined> => {
      const latest = await model
        .findOne({ changedAt: { $gt: new Date(0) } })
        .sort({ changedAt: -1 })
        .select('changedAt')
        .lean<{ changedAt: Date }>()
        .exec();
      return latest?.changedAt;
    },
    /** Those whose name has a word beginning with each of `words`, by name, after a position. */
    search: (
      words: string[],
      after: { fullName: string; _id: string } | undefined,
      limit: number,
    ): Promise<UserProfile[]> => {
      // The first one bounds the index, the longest is met by the fewest; the rest is filtered.
      const longestFirst = [...words].sort((a, b) => b.length - a.length);
      const matching: QueryFilter<UserRecord> =
        words.length === 0 ? {} : { prefixes: { $all: longestFirst } };
      // Each branch in full, so that each is one range of the index.
      const wanted: QueryFilter<UserRecord> =
        after === undefined
          ? matching
          : {
              $or: [
                { ...matching, fullName: { $gt: after.fullName } },
                { ...matching, fullName: after.fullName, _id: { $gt: after._id } },
              ],
            };
      return model
        .find(wanted)
        .sort({ fullName: 1, _id: 1 })
        .collation(collation)
        .limit(limit)
        .select(profile)
        .lean<UserProfile[]>()
        .exec();
    },
    update: async (
      id: string,
      change: Partial<Pick<UserRecord, 'fullName' | 'prefixes' | 'profilePic'>>,
    ): Promise<UserProfile | null> => {
      const after = await model
        .findByIdAndUpdate(
          id,
          { $set: change, $currentDate: { changedAt: true } },
          { returnDocument: 'after' },
        )
        .select(profile)
        .lean<UserProfile>()
        .exec();
      if (after !== null) noteProfile(after);
      return after;
    },
    /** Gives those their beginnings who signed up before there were any. */
    completePrefixes: async (): Promise<void> => {
      const incomplete = model
        .find({ prefixes: null })
        .collation(collation)
        .select('fullName')
        .lean<Pick<UserRecord, '_id' | 'fullName'>[]>()
        .cursor({ batchSize: COMPLETED_AT_ONCE });
      for await (const { _id, fullName } of incomplete) {
        await model.updateOne(
          { _id, fullName },
          { $set: { prefixes: prefixesOf(fullName) }, $unset: { terms: 1 } },
          { strict: false },
        );
      }
    },
    /** One write for all who went offline together. */
    touchLastSeen: async (ids: string[], at: Date): Promise<void> => {
      await model.updateMany(
        { _id: { $in: ids } },
        { $max: { lastSeenAt: at }, $currentDate: { changedAt: true } },
      );
      // The others learn of it by the poll: thousands may go at once.
      for (const id of ids) {
        profiles.changed(
          id,
          (user) =>
            user === undefined || user.lastSeenAt >= at ? user : { ...user, lastSeenAt: at },
          { told: false },
        );
      }
      directory.touch(ids, at);
    },
  };
}

const isSameProfile = (a: UserProfile, b: UserProfile): boolean =>
  a.fullName === b.fullName &&
  a.email === b.email &&
  a.profilePic === b.profilePic &&
  a.admin === b.admin &&
  a.lastSeenAt.getTime() === b.lastSeenAt.getTime();

/** The words of a name or of a search for one: lower case, without accents. */
export function wordsOf(text: string): string[] {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return [...new Set(plain.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== ''))];
}

/** What a name is found by: every beginning of its words. */
export function prefixesOf(fullName: string): string[] {
  const prefixes = wordsOf(fullName).flatMap((word) => {
    const characters = [...word];
    return characters.map((_, index) => characters.slice(0, index + 1).join(''));
  });
  return [...new Set(prefixes)];
}
