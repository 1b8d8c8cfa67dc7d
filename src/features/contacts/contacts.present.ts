/**
 * Contacts as the JSON that travels. A sidebar is hundreds of people of whom few have changed
 * since it was last asked for, so the text of each is kept as long as their profile is: profiles
 * are never changed in place. Parts are joined once, because each text that is put together from
 * others on the way costs as much as looking all of them up.
 */
import type { Contact } from '../../protocol/types.ts';
import { presentUser } from '../users/users.present.ts';
import type { UserProfile } from '../users/users.store.ts';

/** What a contact has beside the person. */
export type ContactState = Pick<Contact, 'conversationId' | 'unreadCount' | 'readSeq' | 'rev'> & {
  /** As JSON. */
  lastMessage: string | undefined;
};

/** JSON in parts, numbers among them; each contact begins with a comma. */
export type ContactParts = (string | number)[];

export interface ContactPresenter {
  /** Appends a contact with a conversation. */
  known(parts: ContactParts, user: UserProfile, online: boolean, state: ContactState): void;
  /** Appends one to whom nothing was written yet. */
  unknown(parts: ContactParts, user: UserProfile, online: boolean, viewerId: string): void;
}

const NOTHING_YET = '","unreadCount":0,"readSeq":0,"rev":0}';

/** What is the same for everyone who sees a person. */
interface Texts {
  /** Up to where the conversation's id belongs. */
  start: string;
  /** Without a conversation, around the viewer's id: the smaller id comes first in its name. */
  afterSmaller: string;
  beforeGreater: string;
}

export function createContactPresenter(): ContactPresenter {
  const online = new WeakMap<UserProfile, Texts>();
  const away = new WeakMap<UserProfile, Texts>();

  function textsOf(user: UserProfile, isOnline: boolean): Texts {
    const known = isOnline ? online : away;
    let texts = known.get(user);
    if (texts === undefined) {
      const person = JSON.stringify(presentUser(user, isOnline)).slice(0, -1);
      const start = `,${person},"conversationId":"`;
      const afterSmaller = `-${user._id}${NOTHING_YET}`;
      texts = { start, afterSmaller, beforeGreater: `${start}${user._id}-` };
      known.set(user, texts);
    }
    return texts;
  }

  return {
    known: (parts, user, isOnline, state) => {
      const { conversationId, lastMessage, unreadCount, readSeq, rev } = state;
      parts.push(textsOf(user, isOnline).start, conversationId);
      if (lastMessage === undefined) parts.push('","unreadCount":');
      else parts.push('","lastMessage":', lastMessage, ',"unreadCount":');
      parts.push(unreadCount, ',"readSeq":', readSeq, ',"rev":', rev, '}');
    },
    unknown: (parts, user, isOnline, viewerId) => {
      const texts = textsOf(user, isOnline);
      if (viewerId < user._id) parts.push(texts.start, viewerId, texts.afterSmaller);
      else parts.push(texts.beforeGreater, viewerId, NOTHING_YET);
    },
  };
}
