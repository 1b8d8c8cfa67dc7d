/** The address bar and the history: which conversation is open, and which picture over it. */
import { Emitter } from '../client/emitter.ts';

const changed = new Emitter();
let isGoingBack = false;
window.addEventListener('popstate', () => {
  isGoingBack = false;
  changed.emit();
});

export const route = {
  listen: changed.listen,

  /** Id of the open conversation, or "" when none is. */
  current: (): string => /^\/c\/([0-9a-f-]+)\/?$/.exec(location.pathname)?.[1] ?? '',

  /** Whether the operations page is open instead of the chat. */
  isOperations: (): boolean => /^\/operations\/?$/.test(location.pathname),

  /** Which picture is enlarged, as `pictureKey` names it, or "" when none is. */
  picture: (): string => {
    const state: unknown = history.state;
    if (typeof state !== 'object' || state === null || !('picture' in state)) return '';
    return String(state.picture);
  },
};

/** The address of a conversation; of the list where there is none. */
export const addressOf = (conversationId: string): string =>
  conversationId === '' ? '/' : `/c/${conversationId}`;

/** Opens a conversation, or the list with "". */
export function goTo(conversationId: string): void {
  if (conversationId === route.current() && !route.isOperations()) return;
  history.pushState(null, '', addressOf(conversationId));
  changed.emit();
}

export const OPERATIONS = '/operations';

export function goToOperations(): void {
  if (route.isOperations()) return;
  history.pushState(null, '', OPERATIONS);
  changed.emit();
}

/** The picture at a place among those of a message. */
export const pictureKey = (messageId: string, index: number): string => `${messageId}/${index}`;

/** Enlarges a picture: an entry of its own, so that Back closes it. */
export function openPicture(key: string): void {
  history.pushState({ picture: key }, '');
  changed.emit();
}

/** Shows another one in its place. */
export function turnToPicture(key: string): void {
  history.replaceState({ picture: key }, '');
  changed.emit();
}

/** Going back takes a moment; a second time within it would leave the conversation. */
export function closePicture(): void {
  if (isGoingBack || route.picture() === '') return;
  isGoingBack = true;
  history.back();
}
