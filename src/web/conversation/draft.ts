import { useState } from 'react';
import { firstPicture, preparePicture } from '../browser/pictures.ts';
import { type Draft, useNotes } from '../state/notes.ts';

const empty: Draft = { text: '' };

/** The message being written in one conversation. */
export function useDraft(conversationId: string) {
  const draft = useNotes((notes) => notes.drafts[conversationId]) ?? empty;
  const setDraft = (next: Draft) => useNotes.getState().setDraft(conversationId, next);
  return {
    draft,
    setText: (text: string) => setDraft({ ...draft, text }),
    dropImage: () => setDraft({ text: draft.text }),
    clear: () => setDraft(empty),
  };
}

/** Takes the first picture of what was picked, pasted or dropped into the draft. */
export function useAddPicture(conversationId: string) {
  const [fault, setFault] = useState('');
  const add = async (files: Iterable<File>) => {
    const picture = firstPicture(files);
    setFault('');
    if (!picture) return;
    try {
      const image = await preparePicture(picture);
      const { drafts, setDraft } = useNotes.getState();
      setDraft(conversationId, { ...(drafts[conversationId] ?? empty), image });
    } catch (error) {
      setFault(error instanceof Error ? error.message : 'This picture cannot be used.');
    }
  };
  return { add, fault };
}
