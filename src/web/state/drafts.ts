import { createStore } from 'zustand';
import type { Message } from '../../protocol/types.ts';
import { createDraftTexts } from '../browser/draft-texts.ts';
import type { OutgoingFile } from '../client/uploader.ts';
import type { Named } from './mentions.ts';

/** A message that is being written. */
export interface Draft {
  text: string;
  files?: readonly OutgoingFile[];
  /** Who was chosen to be named in it, in that order. */
  mentions?: readonly Named[];
  /** The message that it will answer. */
  replyTo?: Message;
  /** The stored message whose text is being changed, and the draft that waits meanwhile. */
  editing?: { message: Message; before: Draft };
  /** Why what was chosen last was not taken. */
  fault?: string;
}

export type Drafts = ReturnType<typeof createDrafts>;

const empty: Draft = { text: '' };

/**
 * One person's drafts by conversation, so that each keeps its own when another is opened. The
 * words of them outlast the page; files would be too large for that.
 */
export function createDrafts(ownId: string) {
  const texts = createDraftTexts(ownId);
  const store = createStore<Readonly<Record<string, Draft>>>(() =>
    Object.fromEntries(texts.load()),
  );
  const of = (conversationId: string) => store.getState()[conversationId] ?? empty;
  const set = (conversationId: string, draft: Draft) => {
    // What is edited is stored already; the words that wait meanwhile are not.
    const unsent = (one: Draft) => one.editing?.before ?? one;
    const [before, after] = [unsent(of(conversationId)), unsent(draft)];
    if (before.text !== after.text || before.mentions !== after.mentions) {
      texts.keep(conversationId, after.text, after.mentions);
    }
    store.setState({ [conversationId]: draft });
  };
  return {
    store,
    of,
    set,
    change: (conversationId: string, part: Partial<Draft>) =>
      set(conversationId, { ...of(conversationId), ...part }),
    /** Leaves nothing behind, on the disk neither. */
    clear(): void {
      texts.clear();
      store.setState({}, true);
    },
  };
}
