/**
 * The address bar and the history: which conversation is open, at which message, and which picture
 * lies over it.
 */
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

  /**
   * The message that the conversation was opened at: its number, and which visit it is, because one
   * may come to it again; "" for the newest ones.
   */
  place: (): string => {
    const seq = /^#(\d{1,15})$/.exec(location.hash)?.[1];
    const state: unknown = history.state;
    const isObject = typeof state === 'object' && state !== null;
    const visit = isObject && 'visit' in state ? String(state.visit) : '';
    return seq === undefined ? '' : `${seq}@${visit}`;
  },

  /** Whether the operations page is open instead of the chat. */
  isOperations: (): boolean => /^\/operations\/?$/.test(location.pathname),

  /** Which picture is enlarged, as `pictureKey` names it, or "" when none is. */
  picture: (): string => {
    const state: unknown = history.state;
    if (typeof state !== 'object' || state === null || !('picture' in state)) return '';
    return String(state.picture);
  },
};

/** The address of a conversation, or of a message in it; of the list where there is none. */
export const addressOf = (conversationId: string, seq?: number): string =>
  conversationId === '' ? '/' : `/c/${conversationId}${seq === undefined ? '' : `#${seq}`}`;

let visits = 0;

/** Opens a conversation, at its newest messages or at one of them; the list with "". */
export function goTo(conversationId: string, seq?: number): void {
  const isSame = conversationId === route.current() && !route.isOperations();
  if (isSame && seq === undefined && route.place() === '') return;
  const state = seq === undefined ? null : { visit: `${Date.now()}.${++visits}` };
  history.pushState(state, '', addressOf(conversationId, seq));
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
  history.pushState({ ...history.state, picture: key }, '');
  changed.emit();
}

/** Shows another one in its place. */
export function turnToPicture(key: string): void {
  history.replaceState({ ...history.state, picture: key }, '');
  changed.emit();
}

/** Going back takes a moment; a second time within it would leave the conversation. */
export function closePicture(): void {
  if (isGoingBack || route.picture() === '') return;
  isGoingBack = true;
  history.back();
}
