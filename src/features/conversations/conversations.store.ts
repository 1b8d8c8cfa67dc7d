/**
 * Conversations and who belongs to them.
 *
 * `conversations` holds where each one stands (its head) and, in `sent`, the last message of
 * each sender: sending reads up to one's own message, and that costs no further write.
 * `memberships` holds one document per member, with the reading position.
 */
import { LRUCache } from 'lru-cache';
import mongoose, { type AnyBulkWriteOperation, type Connection } from 'mongoose';
import { type CacheContext, createCache } from '../../infra/cache.ts';
import { isDuplicateKey, type Transaction } from '../../infra/mongo.ts';
import type { GroupRole } from '../../protocol/types.ts';

export interface ConversationRecord {
  _id: string;
  kind: 'direct' | 'group';
  /** The last message; seq 0 and id "" before the first. `at` is when it was stored. */
  last: { seq: number; id: string; at?: Date };
  rev: number;
  /** When the head last moved, by the database's clock; null before the first message. */
  headAt: Date | null;
  /** Sender -> seq of their last message. */
  sent: Record<string, number>;
  /** Grows with each change of members; makes concurrent changes conflict. */
  membersVersion: number;
  createdAt: Date;
}
export interface Head extends Pick<ConversationRecord, '_id' | 'kind' | 'rev' | 'headAt'> {
  seq: number;
  lastId: string;
  /** When the last message was stored: by this lists are ordered. */
  lastAt: Date | undefined;
}
/** A head with last messages of senders: of the asking user, or of all. */
export type OwnHead = Head & { sent: Map<string, number> };

export interface MembershipRecord {
  _id: string;
  conversationId: string;
  userId: string;
  role: GroupRole;
  joinedAt: Date;
  /** Messages up to this seq are not for this member; 0 lets all be seen. */
  fromSeq: number;
  readSeq: number;
  /**
   * Received up to this message by one of their devices; absent or less where more was read.
   * Only positions are made of it: lists of memberships are read without.
   */
  deliveredSeq?: number;
  /** When the reading position last moved, by the database's clock; absent before that. */
  readAt?: Date;
}

/** How a conversation's head moved: by new messages, or by changes of messages (seq 0, no id). */
export interface HeadAdvance {
  conversationId: string;
  /** Changes of messages up to it were committed; 0: nothing is known of any. */
  rev: number;
  seq: number;
  lastId: string;
  at: Date;
  sent: Map<string, number>;
}

const conversationSchema = new mongoose.Schema<ConversationRecord>(
  {
    _id: String,
    kind: String,
    last: {},
    rev: Number,
    headAt: Date,
    sent: {},
    membersVersion: Number,
    createdAt: Date,
  },
  { collection: 'conversations', versionKey: false, minimize: false },
);
conversationSchema.index({ headAt: 1 });

const membershipSchema = new mongoose.Schema<MembershipRecord>(
  {
    _id: String,
    conversationId: String,
    userId: String,
    role: String,
    joinedAt: Date,
    fromSeq: Number,
    readSeq: Number,
    deliveredSeq: Number,
    readAt: Date,
  },
  { collection: 'memberships', versionKey: false },
);
membershipSchema.index({ userId: 1, conversationId: 1 }, { unique: true });
membershipSchema.index({ conversationId: 1, joinedAt: 1 });
membershipSchema.index({ readAt: 1 }, { sparse: true });
// Of those only who do not see everything, which are few.
membershipSchema.index(
  { conversationId: 1, fromSeq: 1 },
  { partialFilterExpression: { fromSeq: { $gt: 0 } } },
);

/** As long as the sidebar's: it is made of these. */
const LISTS_MS = 5 * 60_000;
const CACHED_MEMBERSHIPS = 500_000;
const SEEN_CONVERSATIONS = 200_000;

/** The collections with their indexes, registered on a connection. */
export const conversationModel = (connection: Connection) =>
  connection.model<ConversationRecord>('Conversation', conversationSchema);
export const membershipModel = (connection: Connection) =>
  connection.model<MembershipRecord>('Membership', membershipSchema);

const withoutDelivered = { deliveredSeq: 0 } as const;
const headFields = { kind: 1, last: 1, rev: 1, headAt: 1 } as const;
type HeadRecord = Pick<ConversationRecord, '_id' | keyof typeof headFields> & {
  sent?: Record<string, number>;
};
const reviveMembership = (membership: MembershipRecord): MembershipRecord => ({
  ...membership,
  joinedAt: new Date(membership.joinedAt),
  ...(membership.readAt === undefined ? {} : { readAt: new Date(membership.readAt) }),
});

const toHead = ({ _id, kind, last, rev = 0, headAt, sent = {} }: HeadRecord): OwnHead => ({
  _id,
  kind,
  rev,
  headAt,
  seq: last.seq,
  lastId: last.id,
  lastAt: last.at,
  sent: new Map(Object.entries(sent)),
});

export type ConversationStore = ReturnType<typeof createConversationStore>;

export function createConversationStore(connection: Connection, caches: CacheContext) {
  const conversations = conversationModel(connection);
  const memberships = membershipModel(connection);
  const inside = (transaction?: Transaction) =>
    transaction === undefined ? {} : { session: transaction };
  /** User -> all their memberships. */
  const lists = createCache<MembershipRecord[]>(caches, {
    name: 'memberships',
    ttlMs: LISTS_MS,
    maxSize: CACHED_MEMBERSHIPS,
    sizeOf: (list) => list.length + 1,
    tagOf: (userId) => `memberships:${userId}`,
    revive: (list) => list.map(reviveMembership),
  });

  const seen = new LRUCache<string, true>({ max: SEEN_CONVERSATIONS });

  const membershipsOf = (userIds: string[]): Promise<MembershipRecord[]> =>
    memberships
      .find({ userId: { $in: userIds } }, withoutDelivered)
      .lean<MembershipRecord[]>()
      .exec();

  return {
    /** Makes the conversation and its memberships where they are missing. */
    ensureDirect: async (
      conversation: ConversationRecord,
      members: MembershipRecord[],
    ): Promise<void> => {
      const { _id, ...fields } = conversation;
      try {
        // First: where the conversation is, both belong to it.
        await memberships.bulkWrite(
          members.map(({ userId, conversationId, ...rest }) => ({
            updateOne: {
              filter: { userId, conversationId },
              update: { $setOnInsert: rest },
              upsert: true,
            },
          })),
          { ordered: false },
        );
      } catch (error) {
        // Two upserts at once: one loses against the unique index, and both exist.
        if (!isDuplicateKey(error)) throw error;
      }
      try {
        await conversations.updateOne({ _id }, { $setOnInsert: fields }, { upsert: true });
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
      }
      for (const { userId } of members) lists.changed(userId);
    },
    insert: async (conversation: ConversationRecord, transaction: Transaction): Promise<void> => {
      await conversations.insertMany([conversation], { session: transaction });
    },
    insertMembers: async (members: MembershipRecord[], transaction: Transaction): Promise<void> => {
      if (members.length > 0) await memberships.insertMany(members, { session: transaction });
    },
    /** Makes concurrent changes of the members wait for each other; null: no such group. */
    lockMembers: (id: string, transaction: Transaction): Promise<ConversationRecord | null> =>
      conversations
        .findOneAndUpdate(
          { _id: id, kind: 'group' },
          { $inc: { membersVersion: 1 } },
          { session: transaction, returnDocument: 'after' },
        )
        .lean<ConversationRecord>()
        .exec(),
    removeMember: async (
      conversationId: string,
      userId: string,
      transaction: Transaction,
    ): Promise<void> => {
      await memberships.deleteOne({ conversationId, userId }, { session: transaction });
      await conversations.updateOne(
        { _id: conversationId },
        { $unset: { [`sent.${userId}`]: 1 } },
        { session: transaction },
      );
    },
    setRole: async (
      conversationId: string,
      userId: string,
      role: GroupRole,
      transaction: Transaction,
    ): Promise<void> => {
      await memberships.updateOne(
        { conversationId, userId },
        { $set: { role } },
        { session: transaction },
      );
    },
    remove: async (conversationId: string, transaction: Transaction): Promise<void> => {
      await memberships.deleteMany({ conversationId }, { session: transaction });
      await conversations.deleteOne({ _id: conversationId }, { session: transaction });
    },
    membership: (userId: string, conversationId: string): Promise<MembershipRecord | null> =>
      memberships.findOne({ userId, conversationId }).lean<MembershipRecord>().exec(),
    membershipsOf,
    /** A user's memberships, by the cache. */
    listOf: (userId: string): Promise<MembershipRecord[]> =>
      lists.get(userId, () => membershipsOf([userId])),
    /** Memberships of these users came, went or changed their role, and every instance knows. */
    membersChanged: (userIds: string[]): void => {
      for (const userId of userIds) lists.changed(userId, undefined, { told: false });
    },
    /** A direct conversation is there: lists of its partners that lack it are out of date. */
    conversationSeen: (conversationId: string, partners: readonly string[]): void => {
      if (seen.has(conversationId)) return;
      seen.set(conversationId, true);
      const has = (list: MembershipRecord[]): boolean =>
        list.some((one) => one.conversationId === conversationId);
      for (const userId of partners) lists.heard(userId, has);
    },
    /** The longest-standing first. */
    members: (conversationId: string, transaction?: Transaction): Promise<MembershipRecord[]> =>
      memberships
        .find({ conversationId }, null, inside(transaction))
        .sort({ joinedAt: 1, _id: 1 })
        .lean<MembershipRecord[]>()
        .exec(),
    /** Of some people those who are members. */
    membersAmong: async (conversationId: string, userIds: string[]): Promise<string[]> => {
      const found = await memberships
        .find({ conversationId, userId: { $in: userIds } }, { userId: 1, _id: 0 })
        // Not through all members, of whom there may be many more.
        .hint({ userId: 1, conversationId: 1 })
        .lean<Pick<MembershipRecord, 'userId'>[]>()
        .exec();
      return found.map(({ userId }) => userId);
    },
    membersOfMany: (conversationIds: string[]): Promise<MembershipRecord[]> =>
      memberships
        .find({ conversationId: { $in: conversationIds } }, withoutDelivered)
        .sort({ conversationId: 1, joinedAt: 1 })
        .lean<MembershipRecord[]>()
        .exec(),
    /** @param userId whose last messages to tell; absent: nobody's */
    heads: async (ids: string[], userId?: string): Promise<OwnHead[]> => {
      const found = await conversations
        .find(
          { _id: { $in: ids } },
          userId === undefined ? headFields : { ...headFields, [`sent.${userId}`]: 1 },
        )
        .lean<HeadRecord[]>()
        .exec();
      return found.map(toHead);
    },
    /** With everybody's last messages. */
    wholeHeads: async (ids: string[]): Promise<OwnHead[]> => {
      const found = await conversations
        .find({ _id: { $in: ids } }, { ...headFields, sent: 1 })
        .lean<HeadRecord[]>()
        .exec();
      return found.map(toHead);
    },
    /** Heads that moved from `since` to `until` (the database's clock), the oldest move first. */
    changedWithin: async (since: Date, until: Date, limit: number): Promise<OwnHead[]> => {
      const found = await conversations
        .find({ headAt: { $gte: since, $lte: until } }, { ...headFields, sent: 1 })
        .sort({ headAt: 1 })
        .limit(limit)
        .lean<HeadRecord[]>()
        .exec();
      return found.map(toHead);
    },
    /** Members to whom the message at `seq`, which is at least 1, is hidden. */
    membersSince: (conversationId: string, seq: number): Promise<MembershipRecord[]> =>
      memberships
        .find({ conversationId, fromSeq: { $gte: seq } })
        .lean<MembershipRecord[]>()
        .exec(),
    latestChange: async (): Promise<Date | undefined> => {
      const latest = await conversations
        .findOne({ headAt: { $ne: null } }, { headAt: 1 })
        .sort({ headAt: -1 })
        .lean<Pick<ConversationRecord, 'headAt'>>()
        .exec();
      return latest?.headAt ?? undefined;
    },
    /**
     * One bulk write; a head never moves back: subdocuments compare field by field, so the
     * greater `last` is the one with the greater seq. The filter is the `_id` alone, which
     * MongoDB looks up without planning a query; that halves what an update costs it.
     */
    advanceHeads: async (advances: HeadAdvance[]): Promise<void> => {
      const operations = advances.map(({ conversationId, rev, seq, lastId, at, sent }) => ({
        updateOne: {
          filter: { _id: conversationId },
          update: {
            $max: {
              ...(seq === 0 ? {} : { last: { seq, id: lastId, at } }),
              ...(rev === 0 ? {} : { rev }),
              ...Object.fromEntries([...sent].map(([id, own]) => [`sent.${id}`, own])),
            },
            $currentDate: { headAt: true },
          },
        },
      }));
      await conversations.collection.bulkWrite(
        operations as unknown as AnyBulkWriteOperation<mongoose.mongo.Document>[] as never,
        { ordered: false },
      );
    },
    /** Reading positions that moved from `since` to `until`, the oldest first: lists know them. */
    lookForReads: async (
      since: Date,
      until: Date,
      limit: number,
    ): Promise<{ count: number; last?: Date }> => {
      const found = await memberships
        .find({ readAt: { $gte: since, $lte: until } })
        .sort({ readAt: 1 })
        .limit(limit)
        .lean<MembershipRecord[]>()
        .exec();
      for (const { userId, conversationId, readSeq } of found) {
        lists.heard(userId, (list) =>
          list.some((one) => one.conversationId === conversationId && one.readSeq >= readSeq),
        );
      }
      const last = found.at(-1)?.readAt;
      return { count: found.length, ...(last === undefined ? {} : { last }) };
    },
    latestRead: async (): Promise<Date | undefined> => {
      const latest = await memberships
        .findOne({ readAt: { $gt: new Date(0) } }, { readAt: 1 })
        .sort({ readAt: -1 })
        .lean<Pick<MembershipRecord, 'readAt'>>()
        .exec();
      return latest?.readAt;
    },
    /**
     * Moves positions of what was received forward, in one write; never back. No list and no
     * count depends on them, so nothing is told and no copy is given up.
     */
    advanceDelivered: async (
      userId: string,
      positions: { conversationId: string; seq: number }[],
    ): Promise<void> => {
      const operations = positions.map(({ conversationId, seq }) => ({
        updateOne: {
          filter: { userId, conversationId, readSeq: { $lt: seq } },
          update: { $max: { deliveredSeq: seq } },
        },
      }));
      await memberships.bulkWrite(operations, { ordered: false });
    },
    /** Moves the reading position forward; never back. */
    advanceRead: async (userId: string, conversationId: string, seq: number): Promise<void> => {
      const { modifiedCount } = await memberships.updateOne(
        { userId, conversationId, readSeq: { $lt: seq } },
        { $set: { readSeq: seq }, $currentDate: { readAt: true } },
      );
      if (modifiedCount === 0) return;
      lists.changed(userId, (list) =>
        list?.map((one) =>
          one.conversationId === conversationId && one.readSeq < seq
            ? { ...one, readSeq: seq }
            : one,
        ),
      );
    },
  };
}
