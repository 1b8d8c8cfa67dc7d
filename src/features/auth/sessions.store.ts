import mongoose, { type Connection } from 'mongoose';
import type { Transaction } from '../../infra/mongo.ts';

export interface SessionRecord {
  _id: string;
  userId: string;
  userAgent: string;
  createdAt: Date;
  lastUsedAt: Date;
  expiresAt: Date;
}

const schema = new mongoose.Schema<SessionRecord>(
  {
    _id: String,
    userId: String,
    userAgent: String,
    createdAt: Date,
    lastUsedAt: Date,
    expiresAt: Date,
  },
  { collection: 'sessions', versionKey: false },
);
schema.index({ userId: 1 });
schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

/** The collection with its indexes, registered on a connection. */
export const sessionModel = (connection: Connection) =>
  connection.model<SessionRecord>('Session', schema);

export type SessionStore = ReturnType<typeof createSessionStore>;

/** Sessions that have not ended. Ended ones are deleted, expired ones delete themselves. */
export function createSessionStore(connection: Connection) {
  const model = sessionModel(connection);
  return {
    insert: async (session: SessionRecord): Promise<void> => {
      await model.insertOne(session);
    },
    find: (id: string): Promise<SessionRecord | null> => model.findById(id).lean().exec(),
    findMany: (ids: string[]): Promise<SessionRecord[]> =>
      model
        .find({ _id: { $in: ids } })
        .lean<SessionRecord[]>()
        .exec(),
    listOf: (userId: string): Promise<SessionRecord[]> =>
      model.find({ userId }).sort({ lastUsedAt: -1 }).limit(100).lean<SessionRecord[]>().exec(),
    extend: async (id: string, lastUsedAt: Date, expiresAt: Date): Promise<void> => {
      await model.updateOne({ _id: id }, { $set: { lastUsedAt, expiresAt } });
    },
    /** @returns whether there was such a session of this user. */
    remove: async (id: string, userId: string, transaction: Transaction): Promise<boolean> =>
      (await model.deleteOne({ _id: id, userId }, { session: transaction })).deletedCount === 1,
    touch: async (id: string, lastUsedAt: Date): Promise<void> => {
      await model.updateOne({ _id: id }, { $max: { lastUsedAt } });
    },
  };
}
