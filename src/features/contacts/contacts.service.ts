/** The sidebar: everyone one can write to, those one wrote with lately first. */
import { partnerOf } from '../conversations/conversation-id.ts';
import {
  byLastMessage,
  type ConversationService,
  type OwnConversation,
} from '../conversations/conversations.service.ts';
import type { MessageService } from '../messages/messages.service.ts';
import type { UserService } from '../users/users.service.ts';
import { type ContactParts, createContactPresenter } from './contacts.present.ts';

export type ContactService = ReturnType<typeof createContactService>;

export function createContactService(deps: {
  users: Pick<UserService, 'profiles' | 'listByName'>;
  conversations: Pick<ConversationService, 'overview'>;
  messages: Pick<MessageService, 'lastOf'>;
  isOnline: (userId: string) => boolean;
}) {
  const { users } = deps;
  const present = createContactPresenter();

  /** Direct conversations that have a message, the latest first, by their other person. */
  async function recentOf(userId: string, limit: number): Promise<Map<string, OwnConversation>> {
    const own = await deps.conversations.overview(userId);
    const recent = own.filter(({ kind, seq }) => kind === 'direct' && seq > 0).sort(byLastMessage);
    const byPartner = new Map<string, OwnConversation>();
    for (const conversation of recent) {
      if (byPartner.size === limit) break;
      const partner = partnerOf(conversation._id, userId);
      if (partner !== undefined) byPartner.set(partner, conversation);
    }
    return byPartner;
  }

  return {
    /** At most `limit` people, as JSON: most recent conversation first, then by name. */
    list: async (userId: string, limit: number): Promise<Buffer> => {
      const recent = await recentOf(userId, limit);
      const partnerIds = [...recent.keys()];
      const [partners, others, lastMessages] = await Promise.all([
        users.profiles(partnerIds),
        partnerIds.length >= limit
          ? Promise.resolve([])
          : users.listByName([userId, ...partnerIds], limit - partnerIds.length),
        deps.messages.lastOf([...recent.values()]),
      ]);
      const parts: ContactParts = [];
      for (const [partnerId, conversation] of recent) {
        const user = partners.get(partnerId);
        if (user === undefined) continue;
        const { _id: conversationId, unreadCount, readSeq, rev, lastId } = conversation;
        const lastMessage = lastMessages.get(lastId);
        const state = { conversationId, lastMessage, unreadCount, readSeq, rev };
        present.known(parts, user, deps.isOnline(partnerId), state);
      }
      for (const user of others) {
        present.unknown(parts, user, deps.isOnline(user._id), userId);
      }
      if (parts.length === 0) return Buffer.from('[]');
      parts.push(']');
      const bytes = Buffer.from(parts.join(''));
      // In place of the first comma.
      bytes.write('[');
      return bytes;
    },
  };
}
