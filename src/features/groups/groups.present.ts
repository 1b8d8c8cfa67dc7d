import type { Group, GroupMember, Message } from '../../protocol/types.ts';
import type { OwnConversation } from '../conversations/conversations.service.ts';
import type { MembershipRecord } from '../conversations/conversations.store.ts';
import type { Mentions } from '../messages/mention-counts.ts';
import type { UserProfile } from '../users/users.store.ts';
import type { GroupRecord } from './groups.store.ts';

/** A group as all its members see it. */
export function presentGroup(
  group: GroupRecord,
  memberships: MembershipRecord[],
  profiles: Map<string, UserProfile>,
): Group {
  const members = memberships.flatMap(({ userId, role }): GroupMember[] => {
    const profile = profiles.get(userId);
    if (profile === undefined) return [];
    return [{ _id: userId, fullName: profile.fullName, profilePic: profile.profilePic, role }];
  });
  return {
    _id: group._id,
    name: group.name,
    description: group.description,
    groupPic: group.groupPic,
    history: group.history,
    admins: members.filter((member) => member.role === 'admin').map((member) => member._id),
    members,
    createdAt: group.createdAt.toISOString(),
    updatedAt: group.updatedAt.toISOString(),
  };
}

/** With what only the asking member has: the last message that they may see, and unread. */
export function presentOwnGroup(
  group: Group,
  conversation: OwnConversation,
  lastMessage: Message | undefined,
  { count, seqs }: Mentions = { count: 0, seqs: [] },
): Group {
  return {
    ...group,
    ...(lastMessage === undefined || lastMessage.seq <= conversation.fromSeq
      ? {}
      : { lastMessage }),
    unreadCount: conversation.unreadCount,
    mentionCount: count,
    mentionSeqs: seqs,
    readSeq: conversation.readSeq,
    rev: conversation.rev,
  };
}
