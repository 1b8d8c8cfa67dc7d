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

export type GroupStore = ReturnType<typeof createGroupStore>;

export function createGroupStore(connection: Connection) {
  const model = connection.model<GroupRecord>('Group', schema);
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
    update: (
      id: string,
      change: Partial<Omit<GroupRecord, '_id' | 'createdAt'>>,
    ): Promise<GroupRecord | null> =>
      model
        .findByIdAndUpdate(id, { $set: change }, { returnDocument: 'after' })
        .lean<GroupRecord>()
        .exec(),
    remove: async (id: string, transaction: Transaction): Promise<void> => {
      await model.deleteOne({ _id: id }, { session: transaction });
    },
  };
}
