/**
 * Who belongs to which conversation, where each stands, and how far each member has read.
 *
 * Whether someone may read or write is asked with every message, so memberships of groups are
 * kept for a minute and forgotten when a change is announced (bus topic
 * `membership.changed`); while announcements do not arrive, they are kept for one second.
 */
import { LRUCache } from 'lru-cache';
import { invalid, notFound } from '../../errors.ts';
import type { Bus } from '../../infra/bus.ts';
import type { ChangeSource } from '../../infra/change-poll.ts';
import type { Transaction } from '../../infra/mongo.ts';
import type { MemberPosition, Message, ReadPosition } from '../../protocol/types.ts';
import type { Fanout } from '../../realtime/fanout.ts';
import { LEGACY_ROOM, userRoom } from '../../realtime/rooms.ts';
import { directConversationId, directPartners, partnerOf } from './conversation-id.ts';
import type {
  ConversationRecord,
  ConversationStore,
  Head,
  MembershipRecord,
  OwnHead,
} from './conversations.store.ts';
import type { Heads } from './heads.ts';

const TRUST_MS = 60_000;
const TRUST_UNHEARD_MS = 1_000;
const CACHED_MEMBERSHIPS = 100_000;
const KNOWN_CONVERSATIONS = 100_000;
/** What several devices of one person tell of the same message is written once. */
const DELIVERED_MS = 60_000;
const KNOWN_DELIVERED = 100_000;

/** What a member may do and see. */
export interface Access {
  conversationId: string;
  kind: 'direct' | 'group';
  role: 'admin' | 'member';
  /** Messages up to this seq are not for this member. */
  fromSeq: number;
  /** Absent in direct conversations: both have always been there. */
  joinedAt?: Date;
}

/** A conversation of a user, with what the lists and `sync` need of it. */
export interface OwnConversation extends Head {
  fromSeq: number;
  joinedAt: Date;
  readSeq: number;
  unreadCount: number;
  role: 'admin' | 'member';
}

/** People who joined or left a conversation, as it is announced to all instances. */
export interface MembershipChange {
  conversationId: string;
  /** Grows with each change of this conversation's members. */
  version: number;
  joined: string[];
  left: string[];
  /** Whose role changed. */
  changed: string[];
}

/** The one with the latest message first; of the same millisecond the later id. */
export function byLastMessage(a: Head, b: Head): number {
  const later = (b.lastAt?.getTime() ?? 0) - (a.lastAt?.getTime() ?? 0);
  return later !== 0 ? later : b.lastId < a.lastId ? -1 : 1;
}

/** A head that moved, but not by a message. */
const noMessage = { seq: 0, lastId: '', at: new Date(0), sent: new Map<string, number>() };

const directAccess = (conversationId: string): Access => ({
  conversationId,
  kind: 'direct',
  role: 'member',
  fromSeq: 0,
});

export type ConversationService = ReturnType<typeof createConversationService>;

export function createConversationService(deps: {
  store: ConversationStore;
  heads: Heads;
  users: { requireExisting(userId: string): Promise<void> };
  bus: Pick<Bus, 'announce' | 'on' | 'onGap' | 'healthy'>;
  fanout: Pick<Fanout, 'emit'>;
  newId: () => string;
  clock: () => Date;
}) {
  const { store, heads, bus } = deps;
  const cache = new LRUCache<string, { access: Access; readAt: number }>({
    max: CACHED_MEMBERSHIPS,
  });
  const opened = new LRUCache<string, true>({ max: KNOWN_CONVERSATIONS });
  /** Person and conversation -> seq that was received, as it is stored. */
  const delivered = new LRUCache<string, number>({ max: KNOWN_DELIVERED, ttl: DELIVERED_MS });
  /** Person and conversation -> version of their last coming or going that was applied. */
  const versions = new LRUCache<string, number>({ max: CACHED_MEMBERSHIPS });
  const changeHandlers: ((change: MembershipChange) => void)[] = [];
  /** Grows with each forgetting, so that a read begun before it is not kept after it. */
  let generation = 0;

  const cacheKey = (userId: string, conversationId: string): string =>
    `${userId}:${conversationId}`;

  bus.on<MembershipChange>('membership.changed', (change) => {
    const { conversationId, version } = change;
    generation++;
    const concerned = [...change.joined, ...change.left, ...change.changed];
    for (const userId of concerned) {
      cache.delete(cacheKey(userId, conversationId));
      delivered.delete(cacheKey(userId, conversationId));
    }
    store.membersChanged(concerned);
    if (change.left.length > 0) heads.forget(conversationId);
    // Announcements of two instances may arrive in either order; of each person the later
    // change counts.
    const isNews = (userId: string): boolean => {
      const key = cacheKey(userId, conversationId);
      if (version <= (versions.get(key) ?? -1)) return false;
      versions.set(key, version);
      return true;
    };
    const news = {
      ...change,
      joined: change.joined.filter(isNews),
      left: change.left.filter(isNews),
    };
    for (const handler of changeHandlers) handler(news);
  });
  bus.onGap(() => {
    generation++;
    cache.clear();
  });

  async function authorizeDirect(userId: string, conversationId: string): Promise<Access> {
    const partner = partnerOf(conversationId, userId);
    if (partner === undefined || partner === userId) throw notFound('This conversation');
    await deps.users.requireExisting(partner);
    return directAccess(conversationId);
  }

  function rememberedAccess(userId: string, conversationId: string): Access | undefined {
    const trust = bus.healthy() ? TRUST_MS : TRUST_UNHEARD_MS;
    const cached = cache.get(cacheKey(userId, conversationId));
    return cached !== undefined && performance.now() - cached.readAt < trust
      ? cached.access
      : undefined;
  }

  async function authorizeGroup(userId: string, conversationId: string): Promise<Access> {
    const remembered = rememberedAccess(userId, conversationId);
    if (remembered !== undefined) return remembered;
    const readAt = performance.now();
    const before = generation;
    const membership = await store.membership(userId, conversationId);
    if (membership === null) throw notFound('This conversation');
    const { role, fromSeq, joinedAt } = membership;
    const access: Access = { conversationId, kind: 'group', role, fromSeq, joinedAt };
    if (before === generation) {
      cache.set(cacheKey(userId, conversationId), { access, readAt });
    }
    return access;
  }

  function newMembership(
    conversationId: string,
    userId: string,
    role: 'admin' | 'member',
    fromSeq: number,
  ): MembershipRecord {
    return {
      _id: deps.newId(),
      conversationId,
      userId,
      role,
      joinedAt: deps.clock(),
      fromSeq,
      readSeq: fromSeq,
    };
  }

  function newConversation(_id: string, kind: 'direct' | 'group'): ConversationRecord {
    return {
      _id,
      kind,
      last: { seq: 0, id: '' },
      rev: 0,
      headAt: null,
      sent: {},
      membersVersion: 0,
      createdAt: deps.clock(),
    };
  }

  /** Unread = head − own reading position; sending reads up to one's own message. */
  function own(head: OwnHead, membership: MembershipRecord): OwnConversation {
    const { _id, kind, seq, rev, lastId, lastAt, headAt } = head;
    const { fromSeq, joinedAt, role, userId } = membership;
    const readSeq = Math.max(membership.readSeq, head.sent.get(userId) ?? 0, fromSeq);
    const unreadCount = Math.max(0, seq - readSeq);
    // As one literal: hundreds are made for a sidebar.
    return {
      _id,
      kind,
      seq,
      rev,
      lastId,
      lastAt,
      headAt,
      fromSeq,
      joinedAt,
      role,
      readSeq,
      unreadCount,
    };
  }

  async function withHeads(
    userId: string,
    memberships: MembershipRecord[],
  ): Promise<OwnConversation[]> {
    const byId = new Map(memberships.map((record) => [record.conversationId, record]));
    const found = await readHeads([...byId.keys()], userId);
    return found.flatMap((head) => {
      const membership = byId.get(head._id);
      return membership === undefined ? [] : [own(head, membership)];
    });
  }

  /** The same as at most 2 s ago, from what is held in memory. */
  async function overview(userId: string): Promise<OwnConversation[]> {
    const memberships = await store.listOf(userId);
    const found = await heads.current(memberships.map(({ conversationId }) => conversationId));
    return memberships.flatMap((membership) => {
      const head = found.get(membership.conversationId);
      return head === undefined ? [] : [own(head, membership)];
    });
  }

  /** Lists of its two people that lack a direct conversation are out of date. */
  function noteSeen(conversationId: string): void {
    const partners = directPartners(conversationId);
    if (partners !== undefined) store.conversationSeen(conversationId, partners);
  }

  async function readHeads(ids: string[], userId?: string): Promise<OwnHead[]> {
    return (await store.heads(ids, userId)).map(heads.withRemembered);
  }

  return {
    /**
     * The direct conversation of two different, existing users.
     * @throws AppError not_found, invalid_input (with oneself)
     */
    direct: async (userId: string, partnerId: string): Promise<Access> => {
      if (userId === partnerId) throw invalid('userId', 'must be another person than yourself');
      await deps.users.requireExisting(partnerId);
      return directAccess(directConversationId(userId, partnerId));
    },
    /** The same where it is known without asking: the conversation was opened here before. */
    knownDirect: (userId: string, partnerId: string): Access | undefined => {
      const conversationId = directConversationId(userId, partnerId);
      return opened.has(conversationId) ? directAccess(conversationId) : undefined;
    },
    /** A member's access to a group as it is remembered; undefined when it has to be asked for. */
    knownGroup: rememberedAccess,
    /** @throws AppError not_found, also for a conversation of others. */
    authorize: (userId: string, conversationId: string): Promise<Access> =>
      directPartners(conversationId) === undefined
        ? authorizeGroup(userId, conversationId)
        : authorizeDirect(userId, conversationId),

    /** Makes sure that a direct conversation has its documents before its first message. */
    openDirect: async (conversationId: string): Promise<void> => {
      if (opened.has(conversationId)) return;
      const partners = directPartners(conversationId);
      if (partners === undefined) return;
      // In the lists, too: one that lacks it may be of before somebody else made it.
      const [found, ...lists] = await Promise.all([
        heads.current([conversationId]),
        ...partners.map((userId) => store.listOf(userId)),
      ]);
      const isListed = lists.every((list) =>
        list.some((one) => one.conversationId === conversationId),
      );
      if (!found.has(conversationId) || !isListed) {
        await store.ensureDirect(
          newConversation(conversationId, 'direct'),
          partners.map((userId) => newMembership(conversationId, userId, 'member', 0)),
        );
      }
      opened.set(conversationId, true);
    },

    /** All conversations of a user, in no order. */
    listOf: async (userId: string): Promise<OwnConversation[]> =>
      withHeads(userId, await store.membershipsOf([userId])),
    overview,
    /** Where a conversation stands, at most 2 s ago; undefined when it has no documents yet. */
    head: (conversationId: string): Head | Promise<Head | undefined> =>
      heads.held(conversationId) ??
      heads.current([conversationId]).then((found) => found.get(conversationId)),
    /** What the poll of changes looks at. */
    changeSources: (): ChangeSource[] => [
      {
        name: 'heads of conversations',
        latest: store.latestChange,
        look: async (since, until, limit) => {
          const found = await store.changedWithin(since, until, limit);
          for (const head of found) {
            heads.seen(head);
            noteSeen(head._id);
          }
          const last = found.at(-1)?.headAt ?? undefined;
          return { count: found.length, ...(last === undefined ? {} : { last }) };
        },
      },
      { name: 'reading positions', latest: store.latestRead, look: store.lookForReads },
    ],
    /** The same in two steps: what a socket joins comes before what it is told. */
    membershipsOf: (userId: string): Promise<MembershipRecord[]> => store.membershipsOf([userId]),
    withHeads,
    /** One conversation of a user; undefined when it has no documents yet. */
    ownConversation: async (
      userId: string,
      conversationId: string,
    ): Promise<OwnConversation | undefined> => {
      const [membership, [head]] = await Promise.all([
        store.membership(userId, conversationId),
        readHeads([conversationId], userId),
      ]);
      return membership === null || head === undefined ? undefined : own(head, membership);
    },
    /** User -> ids of the groups that they belong to. */
    groupsOf: async (userIds: string[]): Promise<Map<string, string[]>> => {
      const groups = new Map<string, string[]>(userIds.map((id) => [id, []]));
      for (const { userId, conversationId } of await store.membershipsOf(userIds)) {
        if (directPartners(conversationId) === undefined) groups.get(userId)?.push(conversationId);
      }
      return groups;
    },
    headSeqs: async (conversationIds: string[]): Promise<Map<string, number>> =>
      new Map((await readHeads(conversationIds)).map((head) => [head._id, head.seq])),
    /** Whoever is told of them may ask at once, and is answered by what is held here. */
    changedWithin: async (since: Date, until: Date, limit: number): Promise<Head[]> => {
      const found = await store.changedWithin(since, until, limit);
      for (const head of found) {
        heads.seen(head);
        noteSeen(head._id);
      }
      return found;
    },
    latestChange: (): Promise<Date | undefined> => store.latestChange(),
    /** Messages were committed by this instance: their heads follow. */
    advanceHeads: heads.advance,
    /** Messages were committed by another instance, and this one answers for them. */
    rememberHeads: heads.remember,
    /** A message was stored elsewhere. */
    messageHeard: ({ conversationId, seq, _id, senderId, createdAt }: Message): void =>
      heads.hear([
        {
          ...{ conversationId, rev: 0, seq, lastId: _id, at: new Date(createdAt) },
          sent: new Map([[senderId, seq]]),
        },
      ]),
    /** Changes of messages up to this rev were committed by this instance: the head follows. */
    advanceRev: (conversationId: string, rev: number): void => {
      heads.advance([{ conversationId, rev, ...noMessage }]);
      noteSeen(conversationId);
    },
    /** They were committed by another one, which writes the head. */
    revHeard: (conversationId: string, rev: number): void =>
      heads.hear([{ conversationId, rev, ...noMessage }]),
    /** Members of a group to whom the message at a seq is hidden. */
    membersSince: store.membersSince,
    /** Resolves when the heads of everything committed here are. */
    flushHeads: heads.flush,

    /**
     * Moves the caller's reading position forward and tells the caller's and the partner's
     * clients. `seq` is at most that of the last message.
     */
    markRead: async (
      userId: string,
      { conversationId }: Access,
      seq: number,
    ): Promise<ReadPosition> => {
      await store.advanceRead(userId, conversationId, seq);
      const position = { conversationId, userId, seq };
      const partner = partnerOf(conversationId, userId);
      const rooms = [userRoom(userId), ...(partner === undefined ? [] : [userRoom(partner)])];
      deps.fanout.emit({ rooms }, 'conversationRead', position);
      return position;
    },

    /**
     * Notes how far a device has received conversations, and tells the other people of direct
     * ones. Gives what it took: conversations of one's own, each at most up to its last message.
     */
    markDelivered: async (
      userId: string,
      positions: readonly { conversationId: string; seq: number }[],
    ): Promise<ReadPosition[]> => {
      const memberships = new Map(
        (await store.listOf(userId)).map((one) => [one.conversationId, one]),
      );
      const wanted = positions.filter(({ conversationId }) => memberships.has(conversationId));
      const found = await heads.current(wanted.map(({ conversationId }) => conversationId));
      const taken = wanted.map(({ conversationId, seq }) => ({
        ...{ conversationId, userId, seq: Math.min(seq, found.get(conversationId)?.seq ?? 0) },
      }));
      const moved = taken.filter(({ conversationId, seq }) => {
        const readSeq = memberships.get(conversationId)?.readSeq ?? 0;
        const sent = found.get(conversationId)?.sent.get(userId) ?? 0;
        const known = delivered.get(cacheKey(userId, conversationId)) ?? 0;
        return seq > Math.max(readSeq, sent, known);
      });
      if (moved.length > 0) await store.advanceDelivered(userId, moved);
      for (const position of moved) {
        const { conversationId, seq } = position;
        const key = cacheKey(userId, conversationId);
        delivered.set(key, Math.max(seq, delivered.get(key) ?? 0));
        const partner = partnerOf(conversationId, userId);
        if (partner === undefined) continue;
        const target = { rooms: [userRoom(partner)], except: [LEGACY_ROOM] };
        deps.fanout.emit(target, 'conversationDelivered', position);
      }
      return taken;
    },

    /** How far each member is, the longest-standing first; none before the first message. */
    positions: async ({ conversationId }: Access): Promise<MemberPosition[]> => {
      const [members, [head]] = await Promise.all([
        store.members(conversationId),
        store.wholeHeads([conversationId]),
      ]);
      return members.map(({ userId, readSeq: marked, deliveredSeq = 0, fromSeq }) => {
        const readSeq = Math.max(marked, head?.sent.get(userId) ?? 0);
        return { userId, readSeq, deliveredSeq: Math.max(readSeq, deliveredSeq), fromSeq };
      });
    },

    members: (conversationId: string, transaction?: Transaction): Promise<MembershipRecord[]> =>
      store.members(conversationId, transaction),
    /** Of some people those who are members of a group. */
    membersAmong: (conversationId: string, userIds: string[]): Promise<string[]> =>
      store.membersAmong(conversationId, userIds),
    membersOfMany: (conversationIds: string[]): Promise<MembershipRecord[]> =>
      store.membersOfMany(conversationIds),
    /** For groups; the caller's transaction holds whatever else belongs to the change. */
    createGroup: async (
      conversationId: string,
      roles: Map<string, 'admin' | 'member'>,
      transaction: Transaction,
    ): Promise<void> => {
      await store.insert(newConversation(conversationId, 'group'), transaction);
      await store.insertMembers(
        [...roles].map(([userId, role]) => newMembership(conversationId, userId, role, 0)),
        transaction,
      );
    },
    /** Makes concurrent changes of a group's members wait. @throws AppError not_found */
    lockMembers: async (
      conversationId: string,
      transaction: Transaction,
    ): Promise<{ version: number; members: MembershipRecord[] }> => {
      const conversation = await store.lockMembers(conversationId, transaction);
      if (conversation === null) throw notFound('This group');
      const members = await store.members(conversationId, transaction);
      return { version: conversation.membersVersion, members };
    },
    addMembers: (
      conversationId: string,
      userIds: string[],
      fromSeq: number,
      transaction: Transaction,
    ): Promise<void> =>
      store.insertMembers(
        userIds.map((userId) => newMembership(conversationId, userId, 'member', fromSeq)),
        transaction,
      ),
    removeMember: store.removeMember,
    setRole: store.setRole,
    removeGroup: store.remove,
    /**
     * Changes members in a transaction; resolves when every live instance has applied it.
     * Without a `change` nothing is announced.
     */
    changeMembers: <T>(
      work: (transaction: Transaction) => Promise<{ change?: MembershipChange; result: T }>,
    ): Promise<T> =>
      bus.announce('membership.changed', async (transaction) => {
        const { change, result } = await work(transaction);
        return { payload: change, result };
      }),
    /** Grows with every change of members that this instance heard of. */
    membershipGeneration: (): number => generation,
    /** Called on this instance for every announced change. */
    onMembersChanged: (handler: (change: MembershipChange) => void): void => {
      changeHandlers.push(handler);
    },
  };
}
