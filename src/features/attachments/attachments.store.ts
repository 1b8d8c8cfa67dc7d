import mongoose, { type Connection } from 'mongoose';

export interface AttachmentRecord {
  _id: string;
  ownerId: string;
  /** What it belongs to: a message, or the profile of a person or group. */
  use: 'message' | 'picture';
  /** A conversation's id, or "everyone" for what every signed-in user may see. */
  audience: string;
  type: string;
  size: number;
  width: number;
  height: number;
  createdAt: Date;
}

const schema = new mongoose.Schema<AttachmentRecord>(
  {
    _id: String,
    ownerId: String,
    use: String,
    audience: String,
    type: String,
    size: Number,
    width: Number,
    height: Number,
    createdAt: Date,
  },
  { collection: 'attachments', versionKey: false },
);

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
    find: (id: string): Promise<AttachmentRecord | null> => model.findById(id).lean().exec(),
    remove: async (id: string): Promise<void> => {
      await model.deleteOne({ _id: id });
    },
  };
}
