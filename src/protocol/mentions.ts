/**
 * How somebody is named in the text of a group's message: by `<@id>`, so that they stay named
 * whatever they are called later, or all members by `<@all>`. Whether it counts is told by the
 * message's `mentions`; a token that is not among them is the text that it is.
 */

/** In the place of an id: all members. */
export const EVERYONE = 'all';

/** What stands in a text for a person, or for everyone. */
export const mentionToken = (id: string): string => `<@${id}>`;

/** Every token in a text; with the flags given, beside or in place of "g". */
export const mentionPattern = (flags = 'g'): RegExp =>
  new RegExp(`<@([0-9a-f]{24}|${EVERYONE})>`, flags);

/** A look that costs nothing: without it there is no token in a text. */
export const mayMention = (text: string | undefined): boolean => text?.includes('<@') ?? false;

/** Whom a text names, each once, in the order of the text. */
export const namedIn = (text: string): string[] =>
  mayMention(text)
    ? [...new Set([...text.matchAll(mentionPattern())].map(([, id = '']) => id))]
    : [];
