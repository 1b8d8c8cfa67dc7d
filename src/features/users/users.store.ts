import { LRUCache } from 'lru-cache';
import mongoose, { type Connection, type QueryFilter } from 'mongoose';
import { isDuplicateKey } from '../../infra/mongo.ts';

export interface UserRecord {
  _id: string;
  fullName: string;
  /** Lower case. */
  email: string;
  passwordHash: string;
  profilePic: string;
  /** Words of the name, lower case and without accents, for the directory. */
  terms: string[];
  createdAt: Date;
  lastSeenAt: Date;
}
/** A user without what only signing in needs. */
export type UserProfile = Omit<UserRecord, 'passwordHash' | 'terms'>;

/** Sorts and compares names as people do: without regard to case. */
const collation = { locale: 'en', strength: 2 } as const;

const schema = new mongoose.Schema<UserRecord>(
  {
    _id: String,
    fullName: String,
    email: String,
    passwordHash: String,
    profilePic: String,
    terms: [String],
    createdAt: Date,
    lastSeenAt: Date,
  },
  { collection: 'users', versionKey: false },
);
schema.index({ email: 1 }, { unique: true });
schema.index({ fullName: 1, _id: 1 }, { collation });
schema.index({ terms: 1 });

const profile = '_id fullName email profilePic createdAt lastSeenAt';
const KNOWN_MAX = 50_000;

export type UserStore = ReturnType<typeof createUserStore>;

export function createUserStore(connection: Connection) {
  const model = connection.model<UserRecord>('User', schema);
  // Users are never removed, so that one exists need be asked only once.
  const known = new LRUCache<string, true>({ max: KNOWN_MAX });

  return {
    /** @returns false when the e-mail has an account already. */
    insert: async (user: UserRecord): Promise<boolean> => {
      try {
        await model.insertOne(user);
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    },
    findByEmail: (email: string): Promise<UserRecord | null> =>
      model.findOne({ email }).lean().exec(),
    find: (id: string): Promise<UserProfile | null> =>
      model.findById(id).select(profile).lean<UserProfile>().exec(),
    findMany: (ids: string[]): Promise<UserProfile[]> =>
      ids.length === 0
        ? Promise.resolve([])
        : model
            .find({ _id: { $in: ids } })
            .select(profile)
            .lean<UserProfile[]>()
            .exec(),
    exists: async (id: string): Promise<boolean> => {
      if (known.has(id)) return true;
      const found = (await model.exists({ _id: id })) !== null;
      if (found) known.set(id, true);
      return found;
    },
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
    listByName: (without: string[], limit: number): Promise<UserProfile[]> =>
      model
        .find({ _id: { $nin: without } })
        .sort({ fullName: 1, _id: 1 })
        .collation(collation)
        .limit(limit)
        .select(profile)
        .lean<UserProfile[]>()
        .exec(),
    /** Those whose name has a word beginning with each of `words`, by name, after a position. */
    search: (
      words: string[],
      after: { fullName: string; _id: string } | undefined,
      limit: number,
    ): Promise<UserProfile[]> => {
      const conditions: QueryFilter<UserRecord>[] = words.map((word) => ({
        terms: { $regex: new RegExp(`^${escapeRegex(word)}`) },
      }));
      if (after !== undefined) {
        conditions.push({
          $or: [
            { fullName: { $gt: after.fullName } },
            { fullName: after.fullName, _id: { $gt: after._id } },
          ],
        });
      }
      return model
        .find(conditions.length === 0 ? {} : { $and: conditions })
        .sort({ fullName: 1, _id: 1 })
        .collation(words.length === 0 ? collation : { locale: 'simple' })
        .limit(limit)
        .select(profile)
        .lean<UserProfile[]>()
        .exec();
    },
    update: (
      id: string,
      change: Partial<Pick<UserRecord, 'fullName' | 'terms' | 'profilePic'>>,
    ): Promise<UserProfile | null> =>
      model
        .findByIdAndUpdate(id, { $set: change }, { returnDocument: 'after' })
        .select(profile)
        .lean<UserProfile>()
        .exec(),
    /** One write for all who went offline together. */
    touchLastSeen: async (ids: string[], at: Date): Promise<void> => {
      await model.updateMany({ _id: { $in: ids } }, { $max: { lastSeenAt: at } });
    },
  };
}

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The words by which a name is found: lower case, without accents. */
export function termsOf(text: string): string[] {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return [...new Set(plain.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== ''))];
}
