import { useStore } from 'zustand';
import type { Message } from '../../protocol/types.ts';
import { firstPicture, notAPicture, preparePicture } from '../browser/pictures.ts';
import { useChat } from '../state/chat.tsx';
import type { Draft } from '../state/drafts.ts';

/** The message being written in one conversation. */
export function useDraft(conversationId: string) {
  const { drafts } = useChat();
  const draft = useStore(drafts.store, () => drafts.of(conversationId));
  return {
    draft,
    setText: (text: string) => drafts.change(conversationId, { text, fault: '' }),
    setFault: (fault: string) => drafts.change(conversationId, { fault }),
    dropImage: () => {
      const { image: _, ...rest } = drafts.of(conversationId);
      drafts.set(conversationId, rest);
    },
    dropReply: () => {
      const { replyTo: _, ...rest } = drafts.of(conversationId);
      drafts.set(conversationId, rest);
    },
    /** Goes back to what was being written before an edit. */
    endEdit: () => {
      const { editing } = drafts.of(conversationId);
      if (editing) drafts.set(conversationId, editing.before);
    },
    /** The same after an edit was saved, unless one went on writing or did something else. */
    edited: (messageId: string, text: string) => {
      const { editing, text: now } = drafts.of(conversationId);
      if (editing?.message._id === messageId && now.trim() === text) {
        drafts.set(conversationId, editing.before);
      }
    },
    clear: () => drafts.set(conversationId, empty),
  };
}

const empty: Draft = { text: '' };

/** Begins an answer to a message, or a change of an own one. */
export function useBeginDraft(conversationId: string) {
  const { drafts } = useChat();
  return {
    reply: (replyTo: Message) => {
      const draft = drafts.of(conversationId);
      drafts.set(conversationId, { ...(draft.editing?.before ?? draft), replyTo });
    },
    edit: (message: Message) => {
      const draft = drafts.of(conversationId);
      const before = draft.editing?.before ?? draft;
      drafts.set(conversationId, { text: message.text, editing: { message, before } });
    },
  };
}

/** Takes the first picture of what was picked, pasted or dropped into the draft. */
export function useAddPicture(conversationId: string) {
  const { drafts } = useChat();
  return async (files: readonly File[]) => {
    if (files.length === 0) return;
    const picture = firstPicture(files);
    if (drafts.of(conversationId).editing) {
      return drafts.change(conversationId, { fault: 'An edit changes the words only.' });
    }
    drafts.change(conversationId, { fault: picture ? '' : notAPicture });
    if (!picture) return;
    try {
      const image = await preparePicture(picture);
      const draft = drafts.of(conversationId);
      const { editing } = draft;
      // It belongs to what was being written, though an edit has begun meanwhile.
      if (!editing) return drafts.change(conversationId, { image });
      const before = { ...editing.before, image };
      drafts.set(conversationId, { ...draft, editing: { ...editing, before } });
    } catch (error) {
      const fault = error instanceof Error ? error.message : 'This picture cannot be used.';
      drafts.change(conversationId, { fault });
    }
  };
}
