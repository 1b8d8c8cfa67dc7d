import mongoose, { type Connection } from 'mongoose';

/** Which message an upload goes with. */
export interface MessageClaim {
  conversationId: string;
  clientId: string;
}

export interface AttachmentRecord {
  _id: string;
  ownerId: string;
  /** What it belongs to: a message, or the profile of a person or group. */
  use: 'message' | 'picture';
  /**
   * A conversation's id; "everyone" for what every signed-in user may see; "owner" for an upload
   * that was not sent yet; "nobody" for one that is being removed.
   */
  audience: string;
  /** Media type, from the content; "" while it is being uploaded. */
  type: string;
  /** Bytes. */
  size: number;
  name?: string;
  /** Pixels; of pictures that are shown. */
  width?: number;
  height?: number;
  thumbnail?: { width: number; height: number };
  createdAt: Date;
  /** While no stored message is known to hold it. */
  unsent?: true;
  /** Which message of its owner an upload goes with, and when that was last said. */
  claim?: MessageClaim;
  sentAt?: Date;
}

/** What an upload turned out to be. */
export type UploadFacts = Pick<
  AttachmentRecord,
  'type' | 'size' | 'width' | 'height' | 'thumbnail'
>;

const schema = new mongoose.Schema<AttachmentRecord>(
  {
    _id: String,
    ownerId: String,
    use: String,
    audience: String,
    type: String,
    size: Number,
    name: String,
    width: Number,
    height: Number,
    thumbnail: {},
    createdAt: Date,
    unsent: Boolean,
    claim: {},
    sentAt: Date,
  },
  { collection: 'attachments', versionKey: false },
);
// Of a group that is deleted.
schema.index({ audience: 1 });
// Uploads alone, for as long as they are not known to be sent.
schema.index({ createdAt: 1 }, { partialFilterExpression: { unsent: true } });
schema.index({ ownerId: 1, audience: 1 }, { partialFilterExpression: { unsent: true } });

/** The collection with its indexes, registered on a connection. */
export const attachmentModel = (connection: Connection) =>
  connection.model<AttachmentRecord>('Attachment', schema);

export type AttachmentStore = ReturnType<typeof createAttachmentStore>;

/** What is known of each attachment; its bytes lie in the blob store. */
export function createAttachmentStore(connection: Connection) {
  const model = attachmentModel(connection);
  return {
    insert: async (record: AttachmentRecord): Promise<void> => {
      await model.insertOne(record);
    },
    find: (id: string): Promise<AttachmentRecord | null> =>
      model.findById(id).lean<AttachmentRecord>().exec(),
    findMany: (ids: string[]): Promise<AttachmentRecord[]> =>
      model
        .find({ _id: { $in: ids } })
        .lean<AttachmentRecord[]>()
        .exec(),
    remove: async (id: string): Promise<void> => {
      await model.deleteOne({ _id: id });
    },
    /** How many uploads of a user wait to be sent, at most `limit`. */
    countWaiting: (ownerId: string, limit: number): Promise<number> =>
      model.countDocuments({ ownerId, audience: 'owner', unsent: true }, { limit }).exec(),
    /** An upload is complete. False: it was given up meanwhile. */
    complete: async (id: string, facts: UploadFacts): Promise<boolean> =>
      (await model.updateOne({ _id: id }, { $set: facts })).matchedCount === 1,
    /** Gives uploads that nothing has claimed, or this message had already, to it. */
    claim: async (
      ids: string[],
      ownerId: string,
      claim: MessageClaim,
      sentAt: Date,
    ): Promise<void> => {
      await model.updateMany(
        {
          _id: { $in: ids },
          ownerId,
          $or: [{ audience: 'owner' }, { audience: claim.conversationId, claim }],
        },
        { $set: { audience: claim.conversationId, claim, sentAt } },
      );
    },
    /** Gives uploads back to their owner that a refused message had claimed. */
    release: async (ids: string[], claim: MessageClaim): Promise<void> => {
      await model.updateMany(
        { _id: { $in: ids }, unsent: true, claim },
        { $set: { audience: 'owner' }, $unset: { claim: 1, sentAt: 1 } },
      );
    },
    /** Takes an upload from everybody, unless something was done with it since it was read. */
    withdraw: async ({ _id, audience, sentAt }: AttachmentRecord): Promise<boolean> => {
      const filter = { _id, unsent: true as const, audience, sentAt: sentAt ?? null };
      const { matchedCount } = await model.updateOne(filter, { $set: { audience: 'nobody' } });
      return matchedCount === 1;
    },
    markSent: async (id: string): Promise<void> => {
      await model.updateOne({ _id: id }, { $unset: { unsent: 1 } });
    },
    /** Uploads of before a time that are not known to be sent, the oldest first. */
    unsentBefore: (before: Date, limit: number): Promise<AttachmentRecord[]> =>
      model
        .find({ unsent: true, createdAt: { $lt: before } })
        .sort({ createdAt: 1 })
        .limit(limit)
        .lean<AttachmentRecord[]>()
        .exec(),
    /** Ids of what belongs to a conversation. */
    idsOf: async (audience: string, limit: number): Promise<string[]> => {
      const found = await model.find({ audience }, { _id: 1 }).limit(limit).lean().exec();
      return found.map(({ _id }) => _id);
    },
  };
}
