/**
 * Messages. Two unique indexes carry the promise: one message per (conversation, seq), and
 * one per (conversation, sender, clientId).
 */
import mongoose, { type Connection } from 'mongoose';
import { unavailable } from '../../errors.ts';
import { firstIdAt, idTime, unlessLost } from '../../infra/mongo.ts';
import type { Attachment } from '../../protocol/types.ts';

export interface MessageRecord {
  _id: string;
  conversationId: string;
  seq: number;
  senderId: string;
  clientId: string;
  text: string;
  attachments?: Attachment[];
  /** Of the request, so that a reused clientId with other content is told even after an edit. */
  contentHash: string;
  rev: number;
  createdAt: Date;
  updatedAt: Date;
}

/** Who sent it and what they called it: unique for ever. */
export type MessageIdentity = Pick<MessageRecord, 'conversationId' | 'senderId' | 'clientId'>;

/** Where a message stands, and who sent it. */
export type MessagePlace = Pick<
  MessageRecord,
  '_id' | 'conversationId' | 'seq' | 'senderId' | 'createdAt'
>;

const NOT_CONFIRMED = 'The message could not be confirmed in time. Please send it again.';

/** How far an ordered insert came. */
export interface InsertOutcome {
  inserted: number;
  /** Whether it stopped because a unique index already held a value. */
  collided: boolean;
}

const schema = new mongoose.Schema<MessageRecord>(
  {
    _id: String,
    conversationId: String,
    seq: Number,
    senderId: String,
    clientId: String,
    text: String,
    attachments: { type: [], default: undefined },
    contentHash: String,
    rev: Number,
    createdAt: Date,
    updatedAt: Date,
  },
  { collection: 'messages', versionKey: false },
);
schema.index({ conversationId: 1, seq: 1 }, { unique: true });
schema.index({ conversationId: 1, senderId: 1, clientId: 1 }, { unique: true });

export type MessageStore = ReturnType<typeof createMessageStore>;

export function createMessageStore(connection: Connection) {
  const model = connection.model<MessageRecord>('Message', schema);
  // The driver itself: mongoose would build and validate a document object per message.
  const collection = model.collection as unknown as mongoose.mongo.Collection<MessageRecord>;

  return {
    /** Inserts in order and stops at the first collision; everything before it is stored. */
    insertOrdered: async (records: MessageRecord[]): Promise<InsertOutcome> => {
      try {
        await unlessLost(collection.insertMany(records, { ordered: true }));
        return { inserted: records.length, collided: false };
      } catch (error) {
        if (error instanceof mongoose.mongo.MongoBulkWriteError && error.code === 11_000) {
          // The driver names only the collision, and what is before it is not confirmed either.
          const unconfirmed = error.result.getWriteConcernError();
          if (unconfirmed !== undefined) throw unavailable(NOT_CONFIRMED, unconfirmed);
          return { inserted: error.insertedCount, collided: true };
        }
        throw error;
      }
    },
    /** Of the given identities those that are stored. */
    findByIdentity: (identities: MessageIdentity[]): Promise<MessageRecord[]> =>
      unlessLost(
        collection
          .find({
            $or: identities.map(({ conversationId, senderId, clientId }) => ({
              conversationId,
              senderId,
              clientId,
            })),
          })
          .toArray(),
      ),
    /** The highest seq of a conversation; 0 when it has no message. */
    lastSeq: async (conversationId: string): Promise<number> => {
      const last = await collection.findOne(
        { conversationId },
        { sort: { seq: -1 }, projection: { seq: 1 } },
      );
      return last?.seq ?? 0;
    },
    /** When the newest message of all was accepted; undefined without any message. */
    newestAt: async (): Promise<Date | undefined> => {
      const newest = await collection.findOne({}, { sort: { _id: -1 }, projection: { _id: 1 } });
      return newest === null ? undefined : idTime(newest._id);
    },
    /** Of every conversation and sender the last message among those accepted since. */
    lastOfEachSince: (since: Date): Promise<MessagePlace[]> =>
      collection
        .aggregate<MessagePlace>([
          { $match: { _id: { $gte: firstIdAt(since) } } },
          {
            $group: {
              _id: { conversationId: '$conversationId', senderId: '$senderId' },
              // Documents compare field by field, so the greatest has the greatest seq.
              last: { $max: { seq: '$seq', id: '$_id', at: '$createdAt' } },
            },
          },
          {
            $project: {
              _id: '$last.id',
              seq: '$last.seq',
              createdAt: '$last.at',
              conversationId: '$_id.conversationId',
              senderId: '$_id.senderId',
            },
          },
        ])
        .toArray(),
    findMany: (ids: string[]): Promise<MessageRecord[]> =>
      ids.length === 0 ? Promise.resolve([]) : collection.find({ _id: { $in: ids } }).toArray(),
    /** Ascending, from `seq` on. */
    from: (conversationId: string, seq: number, limit: number): Promise<MessageRecord[]> =>
      collection
        .find({ conversationId, seq: { $gte: seq } })
        .sort({ seq: 1 })
        .limit(limit)
        .toArray(),
    /** The newest below `before`, ascending, none at or below `floor`. */
    newestBefore: async (
      conversationId: string,
      before: number,
      floor: number,
      limit: number,
    ): Promise<MessageRecord[]> => {
      const found = await collection
        .find({ conversationId, seq: { $gt: floor, $lt: before } })
        .sort({ seq: -1 })
        .limit(limit)
        .toArray();
      return found.reverse();
    },
    removeConversation: async (conversationId: string): Promise<void> => {
      await collection.deleteMany({ conversationId });
    },
  };
}
