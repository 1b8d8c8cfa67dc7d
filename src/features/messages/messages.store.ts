/**
 * Messages. Two unique indexes carry the promise: one message per (conversation, seq), and
 * one per (conversation, sender, clientId).
 */
import { LRUCache } from 'lru-cache';
import mongoose, { type Connection } from 'mongoose';
import { unavailable } from '../../errors.ts';
import { type CacheContext, createCache } from '../../infra/cache.ts';
import { firstIdAt, idTime, isDuplicateKey } from '../../infra/mongo.ts';
import { type Read, type ReadOptions, readPrimary } from '../../infra/secondary-reads.ts';
import { limits } from '../../protocol/limits.ts';
import { EVERYONE } from '../../protocol/mentions.ts';
import type { Attachment, Message, Reaction, ReplyReference } from '../../protocol/types.ts';
import { createMentionCounts, type Mentions, type UnreadRange } from './mention-counts.ts';
import { presentMessage } from './messages.present.ts';
import { createPageCache, weightOf } from './page-cache.ts';

export interface MessageRecord {
  _id: string;
  conversationId: string;
  seq: number;
  senderId: string;
  clientId: string;
  text: string;
  attachments?: Attachment[];
  replyTo?: ReplyReference;
  /** Absent without any; an emoji that nobody chooses any more is not among them. */
  reactions?: Reaction[];
  /** Ids of the members whom its text names, or "all"; absent without any. */
  mentions?: string[];
  /** Of the request, so that a reused clientId with other content is told even after an edit. */
  contentHash: string;
  /** 0 until it is changed; then one more than any other of the conversation had. */
  rev: number;
  editedAt?: Date;
  deletedAt?: Date;
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

/** As long as pages are. */
const MESSAGES_MS = 10 * 60_000;
/** In characters, about: last messages of some 150,000 conversations in each of the two. */
const MESSAGES_SIZE = 64 * 1024 * 1024;
/** The last message of a conversation, and the conversation's rev. */
export interface LastMessageRef {
  conversationId: string;
  lastId: string;
  rev: number;
}

/** The last message of a conversation, as it is held. */
interface Latest {
  _id: string;
  seq: number;
  content: Message | string;
}

/** All of a large conversation would take longer than an operation may. */
const REMOVED_AT_ONCE = 2_000;

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
    replyTo: {},
    reactions: { type: [], default: undefined },
    mentions: { type: [String], default: undefined },
    contentHash: String,
    rev: Number,
    editedAt: Date,
    deletedAt: Date,
    createdAt: Date,
    updatedAt: Date,
  },
  { collection: 'messages', versionKey: false },
);
schema.index({ conversationId: 1, seq: 1 }, { unique: true });
schema.index({ conversationId: 1, senderId: 1, clientId: 1 }, { unique: true });
// Of changed messages only, so that an insert does not pay for it.
schema.index(
  { conversationId: 1, rev: 1 },
  { unique: true, partialFilterExpression: { rev: { $gt: 0 } } },
);
schema.index({ updatedAt: 1 }, { partialFilterExpression: { rev: { $gt: 0 } } });
// Of messages that name somebody, which are few; with the sender, it counts them by itself.
const byMention = { mentions: 1, conversationId: 1, seq: 1, senderId: 1 } as const;
schema.index(byMention, { partialFilterExpression: { mentions: { $exists: true } } });

/** The collection with its indexes, registered on a connection. */
export const messageModel = (connection: Connection) =>
  connection.model<MessageRecord>('Message', schema);

export type MessageStore = ReturnType<typeof createMessageStore>;

/** @param readHistory how pages of history and last messages are read; everything else asks the primary */
export function createMessageStore(
  connection: Connection,
  caches: CacheContext,
  readHistory: Read = readPrimary,
) {
  const model = messageModel(connection);
  // The driver itself: mongoose would build and validate a document object per message.
  const collection = model.collection as unknown as mongoose.mongo.Collection<MessageRecord>;

  /** Ascending, from `seq` on. */
  const from = (
    conversationId: string,
    seq: number,
    limit: number,
    options: ReadOptions = {},
  ): Promise<MessageRecord[]> =>
    collection
      .find({ conversationId, seq: { $gte: seq } }, options)
      .sort({ seq: 1 })
      .limit(limit)
      .toArray();

  /** The newest below `before`, ascending, none at or below `floor`. */
  async function newestBefore(
    conversationId: string,
    before: number,
    floor: number,
    limit: number,
    options: ReadOptions = {},
  ): Promise<MessageRecord[]> {
    const found = await collection
      .find({ conversationId, seq: { $gt: floor, $lt: before } }, options)
      .sort({ seq: -1 })
      .limit(limit)
      .toArray();
    return found.reverse();
  }

  const pages = createPageCache({
    caches,
    from: (...query) => readHistory((options) => from(...query, options)),
    newestBefore: (...query) => readHistory((options) => newestBefore(...query, options)),
  });
  /** By id and the conversation's rev: a later change names another one. */
  const messages = createCache<string>(caches, {
    name: 'messages',
    ttlMs: MESSAGES_MS,
    maxSize: MESSAGES_SIZE,
    sizeOf: weightOf,
  });
  /** Conversation -> the last message that was stored here, as text once it was asked for. */
  const latest = new LRUCache<string, Latest>({
    maxSize: MESSAGES_SIZE,
    sizeCalculation: ({ content }) => weightOf(content),
  });
  function textOf(conversationId: string, one: Latest): string {
    if (typeof one.content === 'string') return one.content;
    const content = JSON.stringify(one.content);
    // As another one, so that it is weighed anew.
    latest.set(conversationId, { ...one, content });
    return content;
  }
  /**
   * Of each conversation the messages in its range that name the user or all, but the user's
   * own. Each range is a branch of its own, so that the index is read from its beginning to its
   * end and nowhere else; named, because else each branch is tried with other indexes, too.
   */
  const readMentions = (
    userId: string,
    ranges: UnreadRange[],
  ): Promise<({ _id: string } & Mentions)[]> =>
    collection
      .aggregate<{ _id: string } & Mentions>(
        [
          {
            $match: {
              $or: ranges.map(({ conversationId, after, upTo }) => ({
                mentions: { $in: [userId, EVERYONE] },
                conversationId,
                seq: { $gt: after, $lte: upTo },
                senderId: { $ne: userId },
              })),
            },
          },
          {
            $group: {
              _id: '$conversationId',
              count: { $sum: 1 },
              seqs: { $maxN: { input: '$seq', n: limits.mentionSeqs } },
            },
          },
        ],
        { hint: byMention },
      )
      .toArray();
  const refKey = ({ lastId, rev }: LastMessageRef): string =>
    rev === 0 ? lastId : `${lastId}.${rev}`;

  return {
    /** A page of history. */
    page: pages.page,
    /** A message was stored, here or, as this instance heard, elsewhere. */
    noteStored: (message: Message): void => {
      if (!caches.enabled) return;
      const { conversationId, seq, _id } = message;
      if (seq > (latest.peek(conversationId)?.seq ?? 0)) {
        latest.set(conversationId, { _id, seq, content: message });
      }
      pages.noteStored(message);
    },
    /** A message was changed, here or, as this instance heard, elsewhere. */
    noteChanged: (message: Message): void => {
      if (caches.enabled) pages.noteChanged(message);
    },
    /** The last messages of conversations as JSON, by id; those that are gone are absent. */
    lastMessages: async (refs: LastMessageRef[]): Promise<Map<string, string>> => {
      const found = new Map<string, string>();
      const missing = new Map<string, LastMessageRef>();
      for (const ref of refs) {
        const known = latest.get(ref.conversationId);
        // Unless it was changed after it was stored.
        if (known?._id === ref.lastId && ref.rev === 0)
          found.set(ref.lastId, textOf(ref.conversationId, known));
        else missing.set(refKey(ref), ref);
      }
      if (missing.size === 0) return found;
      const read = await messages.getMany([...missing.keys()], async (keys) => {
        const byId = new Map(keys.map((key) => [missing.get(key)?.lastId ?? '', key]));
        const records = await readHistory((options) =>
          collection.find({ _id: { $in: [...byId.keys()] } }, options).toArray(),
        );
        return new Map(
          records.map((record) => [
            byId.get(record._id) ?? '',
            JSON.stringify(presentMessage(record)),
          ]),
        );
      });
      for (const [key, text] of read) found.set(missing.get(key)?.lastId ?? '', text);
      return found;
    },
    /** Unread messages that name a user, by conversation. */
    unreadMentions: createMentionCounts(caches, readMentions),
    /** Inserts in order and stops at the first collision; everything before it is stored. */
    insertOrdered: async (records: MessageRecord[]): Promise<InsertOutcome> => {
      try {
        await collection.insertMany(records, { ordered: true });
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
      collection
        .find({
          $or: identities.map(({ conversationId, senderId, clientId }) => ({
            conversationId,
            senderId,
            clientId,
          })),
        })
        .toArray(),
    find: (id: string): Promise<MessageRecord | null> => collection.findOne({ _id: id }),
    /** By id, in no order; those that are gone are absent. */
    findMany: (ids: string[]): Promise<MessageRecord[]> =>
      // In one batch.
      collection.find({ _id: { $in: ids } }, { batchSize: ids.length + 1 }).toArray(),
    /** Of all conversations, in the order of ids, from one on. */
    storedFrom: (id: string, limit: number): Promise<MessageRecord[]> =>
      collection
        .find({ _id: { $gte: id } })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray(),
    /** Of all conversations those that were changed since, the earliest last change first. */
    changedFrom: (since: Date, limit: number): Promise<MessageRecord[]> =>
      collection
        .find({ rev: { $gt: 0 }, updatedAt: { $gte: since } })
        .sort({ updatedAt: 1 })
        .limit(limit)
        .toArray(),
    /**
     * Puts a message in the place of what it was, if it still is that. False: it was changed
     * meanwhile, or its new rev is taken.
     */
    replace: async (before: MessageRecord, after: MessageRecord): Promise<boolean> => {
      const { _id, ...replacement } = after;
      try {
        const filter = { _id, rev: before.rev };
        return (await collection.replaceOne(filter, replacement)).matchedCount === 1;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    },
    /** The files of a deleted message are gone. */
    forgetFiles: async (id: string): Promise<void> => {
      await collection.updateOne({ _id: id }, { $unset: { attachments: 1 } });
    },
    /** Messages that were deleted since, and whose files may still be there. */
    deletedWithFiles: (since: Date): Promise<MessageRecord[]> =>
      collection
        .find({
          rev: { $gt: 0 },
          updatedAt: { $gte: since },
          deletedAt: { $exists: true },
          attachments: { $exists: true },
        })
        .toArray(),
    /** When a message was last changed; undefined when none ever was. */
    newestChangeAt: async (): Promise<Date | undefined> => {
      const newest = await collection.findOne(
        { rev: { $gt: 0 } },
        { sort: { updatedAt: -1 }, projection: { updatedAt: 1 } },
      );
      return newest?.updatedAt;
    },
    /** Of every conversation the last rev among the changes made since. */
    lastRevsSince: (since: Date): Promise<{ _id: string; rev: number }[]> =>
      collection
        .aggregate<{ _id: string; rev: number }>([
          { $match: { rev: { $gt: 0 }, updatedAt: { $gte: since } } },
          { $group: { _id: '$conversationId', rev: { $max: '$rev' } } },
        ])
        .toArray(),
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
    from,
    /** Those changed after `rev`, the earliest change first, none at or below `floor`. */
    changedSince: (
      conversationId: string,
      rev: number,
      floor: number,
      limit: number,
    ): Promise<MessageRecord[]> =>
      collection
        .find({ conversationId, rev: { $gt: rev }, seq: { $gt: floor } })
        .sort({ rev: 1 })
        .limit(limit)
        .toArray(),
    /** The rev of a conversation's last change; 0 when nothing was changed. */
    lastRev: async (conversationId: string): Promise<number> => {
      const last = await collection.findOne(
        { conversationId, rev: { $gt: 0 } },
        { sort: { rev: -1 }, projection: { rev: 1 } },
      );
      return last?.rev ?? 0;
    },
    newestBefore,
    removeConversation: async (conversationId: string): Promise<void> => {
      for (;;) {
        const found = await collection
          .find({ conversationId }, { projection: { _id: 1 } })
          .sort({ seq: 1 })
          .limit(REMOVED_AT_ONCE)
          .toArray();
        if (found.length === 0) return;
        await collection.deleteMany({ _id: { $in: found.map(({ _id }) => _id) } });
      }
    },
  };
}
