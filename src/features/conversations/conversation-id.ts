/**
 * A direct conversation is named by its two people: both ids, the smaller first. So nobody
 * has to look it up, two first messages at once cannot make two conversations, and who may
 * read it can be told from its name.
 */

/** The id of the direct conversation of two users. */
export const directConversationId = (a: string, b: string): string =>
  a < b ? `${a}-${b}` : `${b}-${a}`;

/** Both people of a direct conversation; undefined for a group's. */
export function directPartners(conversationId: string): [string, string] | undefined {
  const [a, b] = conversationId.split('-');
  return a !== undefined && b !== undefined ? [a, b] : undefined;
}

/** The other person of a direct conversation; undefined for a group or a stranger. */
export function partnerOf(conversationId: string, userId: string): string | undefined {
  const [a, b] = directPartners(conversationId) ?? [];
  if (a === userId) return b;
  return b === userId ? a : undefined;
}
