import mongoose, { type Connection } from 'mongoose';
import type { Transaction } from '../../infra/mongo.ts';
import type { GroupHistory } from '../../protocol/types.ts';

/** What a group is called; who belongs to it is kept with its conversation, of the same id. */
export interface GroupRecord {
  _id: string;
  name: string;
  description: string;
  groupPic: string;
  history: GroupHistory;
  createdAt: Date;
  updatedAt: Date;
}

/** In the `deployment` collection, before the group's id. */
const REMOVAL = 'removal:';

const schema = new mongoose.Schema<GroupRecord>(
  {
    _id: String,
    name: String,
    description: String,
    groupPic: String,
    history: String,
    createdAt: Date,
    updatedAt: Date,
  },
  { collection: 'groups', versionKey: false },
);

// Without stemming: people write in many languages.
schema.index({ name: 'text', description: 'text' }, { default_language: 'none' });

/** The collection with its indexes, registered on a connection. */
export const groupModel = (connection: Connection) =>
  connection.model<GroupRecord>('Group', schema);

export type GroupStore = ReturnType<typeof createGroupStore>;

export function createGroupStore(connection: Connection) {
  const model = groupModel(connection);
  const deployment = connection.collection<{ _id: string }>('deployment');
  return {
    insert: async (group: GroupRecord, transaction: Transaction): Promise<void> => {
      await model.insertMany([group], { session: transaction });
    },
    find: (id: string, transaction?: Transaction): Promise<GroupRecord | null> =>
      model
        .findById(id, null, transaction === undefined ? {} : { session: transaction })
        .lean<GroupRecord>()
        .exec(),
    findMany: (ids: string[]): Promise<GroupRecord[]> =>
      model
        .find({ _id: { $in: ids } })
        .lean<GroupRecord[]>()
        .exec(),
    /** Of the given groups those with every word of the query in their name or description. */
    search: (ids: string[], query: string): Promise<GroupRecord[]> => {
      const words = query.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
      if (words.length === 0) return Promise.resolve([]);
      // In quotes a word has to be there; else any one of them would do.
      const $search = words.map((word) => `"${word}"`).join(' ');
      return model
        .find({ _id: { $in: ids }, $text: { $search } })
        .lean<GroupRecord[]>()
        .exec();
    },
    update: (
      id: string,
      change: Partial<Omit<GroupRecord, '_id' | 'createdAt'>>,
    ): Promise<GroupRecord | null> =>
      model
        .findByIdAndUpdate(id, { $set: change }, { returnDocument: 'after' })
        .lean<GroupRecord>()
        .exec(),
    /** What belongs to it is removed later, and that is kept in mind until it is. */
    remove: async (id: string, transaction: Transaction): Promise<void> => {
      await model.deleteOne({ _id: id }, { session: transaction });
      await deployment.insertOne({ _id: REMOVAL + id }, { session: transaction });
    },
    /** Groups that were removed, and of which something may be left. */
    unfinishedRemovals: async (): Promise<string[]> => {
      const found = await deployment.find({ _id: new RegExp(`^${REMOVAL}`) as never }).toArray();
      return found.map(({ _id }) => _id.slice(REMOVAL.length));
    },
    removalFinished: async (id: string): Promise<void> => {
      await deployment.deleteOne({ _id: REMOVAL + id });
    },
  };
}
