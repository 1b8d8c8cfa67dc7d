/** The sidebar: everyone one can write to, those one wrote with lately first. */
import type { Contact } from '../../protocol/types.ts';
import { directConversationId, partnerOf } from '../conversations/conversation-id.ts';
import {
  byLastMessage,
  type ConversationService,
  type OwnConversation,
} from '../conversations/conversations.service.ts';
import type { MessageService } from '../messages/messages.service.ts';
import { presentUser } from '../users/users.present.ts';
import type { UserService } from '../users/users.service.ts';
import type { UserProfile } from '../users/users.store.ts';

export type ContactService = ReturnType<typeof createContactService>;

export function createContactService(deps: {
  users: Pick<UserService, 'profiles' | 'listByName'>;
  conversations: Pick<ConversationService, 'listOf'>;
  messages: Pick<MessageService, 'byIds'>;
  isOnline: (userId: string) => boolean;
}) {
  const { users } = deps;

  /** Direct conversations that have a message, the latest first, by their other person. */
  async function recentOf(userId: string, limit: number): Promise<Map<string, OwnConversation>> {
    const own = await deps.conversations.listOf(userId);
    const recent = own
      .filter(({ kind, seq }) => kind === 'direct' && seq > 0)
      .sort(byLastMessage)
      .slice(0, limit);
    return new Map(
      recent.flatMap((conversation) => {
        const partner = partnerOf(conversation._id, userId);
        return partner === undefined ? [] : [[partner, conversation] as const];
      }),
    );
  }

  return {
    /** At most `limit` people: most recent conversation first, then by name. */
    list: async (userId: string, limit: number): Promise<Contact[]> => {
      const recent = await recentOf(userId, limit);
      const partnerIds = [...recent.keys()];
      const [partners, others, lastMessages] = await Promise.all([
        users.profiles(partnerIds),
        partnerIds.length >= limit
          ? Promise.resolve([])
          : users.listByName([userId, ...partnerIds], limit - partnerIds.length),
        deps.messages.byIds([...recent.values()].map(({ lastId }) => lastId)),
      ]);
      const byId = new Map(partners.map((user) => [user._id, user]));
      const ordered = partnerIds.flatMap((id) => byId.get(id) ?? []);
      const present = (user: UserProfile): Contact => {
        const conversation = recent.get(user._id);
        const lastMessage = lastMessages.get(conversation?.lastId ?? '');
        return {
          ...presentUser(user, deps.isOnline(user._id)),
          conversationId: directConversationId(userId, user._id),
          ...(lastMessage === undefined ? {} : { lastMessage }),
          unreadCount: conversation?.unreadCount ?? 0,
          readSeq: conversation?.readSeq ?? 0,
        };
      };
      return [...ordered, ...others].map(present);
    },
  };
}
