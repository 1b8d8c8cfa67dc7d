/**
 * Groups: their name and picture, and who belongs to them.
 *
 * Every change of members is one transaction that begins by touching the conversation, so
 * that two at once wait for each other; a group never stands without an admin. The same
 * transaction holds the word to all instances, and the caller is answered when they applied it.
 */
import { AppError, notFound } from '../../errors.ts';
import type { Logger } from '../../infra/logger.ts';
import type { Transaction } from '../../infra/mongo.ts';
import { limits } from '../../protocol/limits.ts';
import type { Group, GroupHistory, Message } from '../../protocol/types.ts';
import type { Fanout } from '../../realtime/fanout.ts';
import { groupRoom, userRoom } from '../../realtime/rooms.ts';
import { attachmentIdOf } from '../attachments/attachments.present.ts';
import type { AttachmentService } from '../attachments/attachments.service.ts';
import {
  byLastMessage,
  type ConversationService,
  type OwnConversation,
} from '../conversations/conversations.service.ts';
import type { MembershipRecord } from '../conversations/conversations.store.ts';
import type { MessageService } from '../messages/messages.service.ts';
import type { UserService } from '../users/users.service.ts';
import { requireAdmin, successorOf } from './groups.policy.ts';
import { presentGroup, presentOwnGroup } from './groups.present.ts';
import type { GroupRecord, GroupStore } from './groups.store.ts';

interface GroupChange {
  name?: string | undefined;
  description?: string | undefined;
  groupPic?: string | undefined;
  history?: GroupHistory | undefined;
}

export type GroupService = ReturnType<typeof createGroupService>;

export function createGroupService(deps: {
  store: GroupStore;
  conversations: ConversationService;
  users: Pick<UserService, 'profiles' | 'requireAllExisting'>;
  messages: Pick<MessageService, 'lastOf' | 'lastSeq' | 'unreadMentions' | 'removeConversation'>;
  attachments: Pick<AttachmentService, 'keepPicture' | 'remove'>;
  fanout: Pick<Fanout, 'emit'>;
  newId: () => string;
  clock: () => Date;
  log: Logger;
}) {
  const { store, conversations, users, fanout } = deps;

  async function present(groups: GroupRecord[], members: MembershipRecord[]): Promise<Group[]> {
    const userIds = [...new Set(members.map((member) => member.userId))];
    const profiles = await users.profiles(userIds);
    const byGroup = new Map<string, MembershipRecord[]>(groups.map(({ _id }) => [_id, []]));
    for (const member of members) byGroup.get(member.conversationId)?.push(member);
    return groups.map((group) => presentGroup(group, byGroup.get(group._id) ?? [], profiles));
  }

  async function presentOne(groupId: string): Promise<Group> {
    const [group, members] = await Promise.all([
      store.find(groupId),
      conversations.members(groupId),
    ]);
    const [presented] = group === null ? [] : await present([group], members);
    if (presented === undefined) throw notFound('This group');
    return presented;
  }

  async function presentOwn(
    userId: string,
    groups: Group[],
    own: OwnConversation[],
  ): Promise<Group[]> {
    const [lastMessages, mentions] = await Promise.all([
      deps.messages.lastOf(own),
      deps.messages.unreadMentions(userId, own),
    ]);
    const byId = new Map(own.map((conversation) => [conversation._id, conversation]));
    return groups.flatMap((group) => {
      const conversation = byId.get(group._id);
      if (conversation === undefined) return [];
      const text = lastMessages.get(conversation.lastId);
      const last = text === undefined ? undefined : (JSON.parse(text) as Message);
      return [presentOwnGroup(group, conversation, last, mentions.get(group._id))];
    });
  }

  function tellUpdate(group: Group, exceptUsers: string[]): void {
    const except = exceptUsers.map(userRoom);
    fanout.emit({ rooms: [groupRoom(group._id)], except }, 'groupUpdated', group);
  }

  /** Tells the members of a group how it is now, and returns it. */
  async function announceUpdate(groupId: string): Promise<Group> {
    const group = await presentOne(groupId);
    tellUpdate(group, []);
    return group;
  }

  /** @param readSeq of all of them: what was before it is not for them */
  const tellNewMembers = (group: Group, userIds: string[], readSeq: number): void =>
    fanout.emit({ rooms: userIds.map(userRoom) }, 'newGroup', { ...group, readSeq });

  /**
   * The members, held against other changes until the transaction ends, if the user may change
   * them: the role is asked again here, because it may have changed since the request came.
   */
  async function lockAsAdmin(userId: string, groupId: string, transaction: Transaction) {
    const locked = await conversations.lockMembers(groupId, transaction);
    const own = locked.members.find((member) => member.userId === userId);
    if (own === undefined) throw notFound('This group');
    requireAdmin(own);
    return locked;
  }

  async function discard(groupId: string, transaction: Transaction): Promise<void> {
    await store.remove(groupId, transaction);
    await conversations.removeGroup(groupId, transaction);
  }

  async function removeAllOf(groupId: string): Promise<void> {
    try {
      await deps.messages.removeConversation(groupId);
      await store.removalFinished(groupId);
    } catch (error) {
      deps.log.error(
        { err: error, groupId },
        'messages of a deleted group could not be removed; the next start goes on',
      );
    }
  }

  /** The messages of a deleted group; nobody can read them any more, so nobody waits. */
  const removeMessages = (groupId: string): void => void removeAllOf(groupId);

  /**
   * Takes a member out; the group goes with its last one.
   * @param adminId who removes another
   * @returns the group as it is then; undefined when it is gone
   */
  async function takeOut(
    groupId: string,
    userId: string,
    adminId?: string,
  ): Promise<Group | undefined> {
    const isEmpty = await conversations.changeMembers(async (transaction) => {
      const { members, version } =
        adminId === undefined
          ? await conversations.lockMembers(groupId, transaction)
          : await lockAsAdmin(adminId, groupId, transaction);
      if (!members.some((member) => member.userId === userId)) throw notFound('This member');
      const remaining = members.filter((member) => member.userId !== userId);
      const change = { conversationId: groupId, version, joined: [], left: [userId] };
      if (remaining.length === 0) {
        await discard(groupId, transaction);
        return { change: { ...change, changed: [] }, result: true };
      }
      await conversations.removeMember(groupId, userId, transaction);
      const successor = successorOf(remaining);
      if (successor !== undefined) {
        await conversations.setRole(groupId, successor.userId, 'admin', transaction);
      }
      const changed = successor === undefined ? [] : [successor.userId];
      return { change: { ...change, changed }, result: false };
    });
    fanout.emit({ rooms: [userRoom(userId)] }, 'removedFromGroup', { groupId });
    if (!isEmpty) return announceUpdate(groupId);
    removeMessages(groupId);
    return undefined;
  }

  return {
    /** Goes on with removing what belongs to deleted groups. Nobody waits for it. */
    finishRemovals: async (): Promise<void> => {
      for (const groupId of await store.unfinishedRemovals()) removeMessages(groupId);
    },

    /** Own groups, the latest message first; with a query those that have all its words. */
    list: async (userId: string, query: string): Promise<Group[]> => {
      const all = await conversations.overview(userId);
      const own = all.filter(({ kind }) => kind === 'group').sort(byLastMessage);
      const ids = own.map(({ _id }) => _id);
      const [records, members] = await Promise.all([
        query === '' ? store.findMany(ids) : store.search(ids, query),
        conversations.membersOfMany(ids),
      ]);
      const order = new Map(ids.map((id, index) => [id, index]));
      records.sort((a, b) => (order.get(a._id) ?? 0) - (order.get(b._id) ?? 0));
      return presentOwn(userId, await present(records, members), own);
    },

    /** @throws AppError not_found */
    get: async (userId: string, groupId: string): Promise<Group> => {
      await conversations.authorize(userId, groupId);
      const own = await conversations.ownConversation(userId, groupId);
      if (own === undefined) throw notFound('This group');
      const [group] = await presentOwn(userId, [await presentOne(groupId)], [own]);
      if (group === undefined) throw notFound('This group');
      return group;
    },

    /** The creator is its admin. @throws AppError not_found, group_full, invalid_image */
    create: async (
      userId: string,
      given: {
        name: string;
        description: string;
        memberIds: string[];
        groupPic?: string | undefined;
        history: GroupHistory;
      },
    ): Promise<Group> => {
      const others = [...new Set(given.memberIds)].filter((id) => id !== userId);
      requireRoom(others.length + 1);
      await users.requireAllExisting(others);
      const groupId = deps.newId();
      const picture =
        given.groupPic === undefined
          ? undefined
          : await deps.attachments.keepPicture(userId, groupId, given.groupPic);
      const now = deps.clock();
      const record: GroupRecord = {
        _id: groupId,
        name: given.name,
        description: given.description,
        groupPic: picture?.url ?? '',
        history: given.history,
        createdAt: now,
        updatedAt: now,
      };
      const roles = new Map<string, 'admin' | 'member'>([[userId, 'admin']]);
      for (const id of others) roles.set(id, 'member');
      const members = [...roles.keys()];
      await conversations.changeMembers(async (transaction) => {
        await store.insert(record, transaction);
        await conversations.createGroup(groupId, roles, transaction);
        const change = { conversationId: groupId, version: 0, joined: members };
        return { change: { ...change, left: [], changed: [] }, result: undefined };
      });
      const group = await presentOne(groupId);
      tellNewMembers(group, members, 0);
      return { ...group, unreadCount: 0, mentionCount: 0, mentionSeqs: [], readSeq: 0, rev: 0 };
    },

    /** @throws AppError not_found, forbidden, invalid_image */
    update: async (userId: string, groupId: string, change: GroupChange): Promise<Group> => {
      requireAdmin(await conversations.authorize(userId, groupId));
      const { groupPic, name, description, history } = change;
      // Whose former picture is then no longer needed.
      const before = groupPic === undefined ? null : await store.find(groupId);
      const picture =
        groupPic === undefined
          ? undefined
          : await deps.attachments.keepPicture(userId, groupId, groupPic);
      const after = await store.update(groupId, {
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
        ...(history === undefined ? {} : { history }),
        ...(picture === undefined ? {} : { groupPic: picture.url }),
        updatedAt: deps.clock(),
      });
      if (after === null) throw notFound('This group');
      const former = attachmentIdOf(before?.groupPic ?? '');
      if (picture !== undefined && former !== undefined) await deps.attachments.remove(former);
      return announceUpdate(groupId);
    },

    /** @throws AppError not_found, forbidden */
    remove: async (userId: string, groupId: string): Promise<void> => {
      requireAdmin(await conversations.authorize(userId, groupId));
      const members = await conversations.changeMembers(async (transaction) => {
        const locked = await lockAsAdmin(userId, groupId, transaction);
        await discard(groupId, transaction);
        const left = locked.members.map((member) => member.userId);
        const change = { conversationId: groupId, version: locked.version, left };
        return { change: { ...change, joined: [], changed: [] }, result: left };
      });
      fanout.emit({ rooms: members.map(userRoom) }, 'groupDeleted', { groupId });
      removeMessages(groupId);
    },

    /** Those who belong to it already stay as they are. @throws AppError not_found, forbidden, group_full */
    addMembers: async (userId: string, groupId: string, memberIds: string[]): Promise<Group> => {
      requireAdmin(await conversations.authorize(userId, groupId));
      await users.requireAllExisting([...new Set(memberIds)]);
      const { added, fromSeq } = await conversations.changeMembers(async (transaction) => {
        const { members, version } = await lockAsAdmin(userId, groupId, transaction);
        const present = new Set(members.map((member) => member.userId));
        const missing = [...new Set(memberIds)].filter((id) => !present.has(id));
        requireRoom(present.size + missing.length);
        const group = await store.find(groupId, transaction);
        // Asked of the messages themselves: the head may be a moment behind them.
        const fromSeq = group?.history === 'sinceJoin' ? await deps.messages.lastSeq(groupId) : 0;
        if (missing.length === 0) return { result: { added: [], fromSeq } };
        await conversations.addMembers(groupId, missing, fromSeq, transaction);
        const change = { conversationId: groupId, version, joined: missing };
        const result = { added: missing, fromSeq };
        return { change: { ...change, left: [], changed: [] }, result };
      });
      const group = await presentOne(groupId);
      if (added.length === 0) return group;
      tellNewMembers(group, added, fromSeq);
      tellUpdate(group, added);
      return group;
    },

    /** @throws AppError not_found, forbidden */
    removeMember: async (userId: string, groupId: string, memberId: string): Promise<Group> => {
      requireAdmin(await conversations.authorize(userId, groupId));
      if (memberId === userId) {
        throw new AppError('forbidden', 'To leave the group yourself, use its leave route.');
      }
      const group = await takeOut(groupId, memberId, userId);
      if (group === undefined) throw notFound('This group');
      return group;
    },

    /** @throws AppError not_found */
    leave: async (userId: string, groupId: string): Promise<void> => {
      await conversations.authorize(userId, groupId);
      await takeOut(groupId, userId);
    },
  };
}

function requireRoom(members: number): void {
  if (members > limits.groupMembers) {
    throw new AppError('group_full', `A group has at most ${limits.groupMembers} members.`);
  }
}
