/** The address bar: which conversation is open. */
import { Emitter } from '../client/emitter.ts';

const changed = new Emitter();
window.addEventListener('popstate', () => changed.emit());

export const route = {
  listen: changed.listen,

  /** Id of the open conversation, or "" when none is. */
  current: (): string => /^\/c\/([0-9a-f-]+)\/?$/.exec(location.pathname)?.[1] ?? '',
};

/** The address of a conversation; of the list where there is none. */
export const addressOf = (conversationId: string): string =>
  conversationId === '' ? '/' : `/c/${conversationId}`;

/** Opens a conversation, or the list with "". */
export function goTo(conversationId: string): void {
  if (conversationId === route.current()) return;
  history.pushState(null, '', addressOf(conversationId));
  changed.emit();
}
