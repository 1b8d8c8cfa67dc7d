import { useQuery } from '@tanstack/react-query';
import { useStore } from 'zustand';
import { limits } from '../../protocol/limits.ts';
import type { Message } from '../../protocol/types.ts';
import { prepareFile } from '../browser/pictures.ts';
import type { OutgoingFile } from '../client/uploader.ts';
import { useChat } from '../state/chat.tsx';
import type { Draft } from '../state/drafts.ts';
import { type Named, toEdit } from '../state/mentions.ts';
import { uploadLimitsQuery } from '../state/queries.ts';
import { sizeInWords } from '../state/wording.ts';
import { nameBy, type Sender } from './sender.ts';

/** The message being written in one conversation. */
export function useDraft(conversationId: string) {
  const { drafts } = useChat();
  const draft = useStore(drafts.store, () => drafts.of(conversationId));
  return {
    draft,
    setText: (text: string) =>
      drafts.change(conversationId, { text, fault: '', ...(text === '' ? { mentions: [] } : {}) }),
    /** Somebody was chosen whose name stands in the text, or is about to. */
    addMention: (one: Named) => {
      const { mentions = [] } = drafts.of(conversationId);
      drafts.change(conversationId, { mentions: [...mentions, one] });
    },
    setFault: (fault: string) => drafts.change(conversationId, { fault }),
    dropFile: (key: string) => {
      const { files = [], ...rest } = drafts.of(conversationId);
      const left = files.filter((file) => file.key !== key);
      drafts.set(conversationId, { ...rest, ...(left.length > 0 ? { files: left } : {}) });
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
    /**
     * The same after an edit was saved, unless one went on writing or did something else.
     * @param text as it was written
     */
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
export function useBeginDraft(
  conversationId: string,
  senderOf: (written: { senderId: string }) => Sender,
) {
  const { drafts } = useChat();
  return {
    reply: (replyTo: Message) => {
      const draft = drafts.of(conversationId);
      drafts.set(conversationId, { ...(draft.editing?.before ?? draft), replyTo });
    },
    edit: (message: Message) => {
      const draft = drafts.of(conversationId);
      const before = draft.editing?.before ?? draft;
      const words = toEdit(message, nameBy(senderOf));
      drafts.set(conversationId, { ...words, editing: { message, before } });
    },
  };
}

/** Takes what was picked, pasted or dropped into the draft. */
export function useAddFiles(conversationId: string) {
  const { drafts } = useChat();
  const { data: allowed } = useQuery(uploadLimitsQuery);
  return async (files: readonly File[]) => {
    if (files.length === 0) return;
    if (drafts.of(conversationId).editing) {
      return drafts.change(conversationId, { fault: 'An edit changes the words only.' });
    }
    // One after the other: pictures are large while they are looked at.
    const prepared: OutgoingFile[] = [];
    for (const file of files.slice(0, limits.attachmentsPerMessage + 1)) {
      prepared.push(await prepareFile(file));
    }
    const fitting = prepared.filter(
      ({ content }) => content.size <= (allowed?.maxBytes ?? Infinity),
    );
    const draft = drafts.of(conversationId);
    // It belongs to what was being written, though an edit has begun meanwhile.
    const target = draft.editing?.before ?? draft;
    const all = [...(target.files ?? []), ...fitting];
    const taken = { ...target, files: all.slice(0, limits.attachmentsPerMessage) };
    const fault =
      faultOf(
        prepared.filter((file) => !fitting.includes(file)),
        allowed?.maxBytes ?? 0,
      ) ||
      (all.length > taken.files.length
        ? `A message has at most ${limits.attachmentsPerMessage} files.`
        : '');
    const { editing } = draft;
    if (editing)
      drafts.set(conversationId, { ...draft, fault, editing: { ...editing, before: taken } });
    else drafts.set(conversationId, { ...taken, fault });
  };
}

function faultOf(tooLarge: readonly OutgoingFile[], maxBytes: number): string {
  const [first, ...others] = tooLarge;
  if (!first) return '';
  const names = others.length === 0 ? `“${first.name}” is` : `${tooLarge.length} files are`;
  return `${names} too large: a file has at most ${sizeInWords(maxBytes)}.`;
}
