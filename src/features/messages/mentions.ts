/** Whom messages of groups name. */
import { EVERYONE, namedIn } from '../../protocol/mentions.ts';
import { directPartners } from '../conversations/conversation-id.ts';
import type { ConversationService } from '../conversations/conversations.service.ts';

/**
 * Whom a text names: members of the group, or all of it. In direct conversations nobody.
 * @param before whom the message named until now: they stay named while the text says so, also
 *   when they have left
 */
export async function mentionsOf(
  text: string,
  conversationId: string,
  conversations: Pick<ConversationService, 'membersAmong'>,
  before: string[] = [],
): Promise<string[]> {
  if (directPartners(conversationId) !== undefined) return [];
  const named = namedIn(text);
  const known = new Set([EVERYONE, ...before]);
  const unknown = named.filter((id) => !known.has(id));
  if (unknown.length > 0) {
    for (const id of await conversations.membersAmong(conversationId, unknown)) known.add(id);
  }
  return named.filter((id) => known.has(id));
}
