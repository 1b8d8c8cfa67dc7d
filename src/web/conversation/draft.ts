import { firstPicture, notAPicture, preparePicture } from '../browser/pictures.ts';
import { type Draft, useNotes } from '../state/notes.ts';

const empty: Draft = { text: '' };

/** The message being written in one conversation. */
export function useDraft(conversationId: string) {
  const draft = useNotes((notes) => notes.drafts[conversationId]) ?? empty;
  const setDraft = (next: Draft) => useNotes.getState().setDraft(conversationId, next);
  return {
    draft,
    setText: (text: string) => setDraft({ ...draft, text, fault: '' }),
    dropImage: () => setDraft({ text: draft.text }),
    clear: () => setDraft(empty),
  };
}

/** Takes the first picture of what was picked, pasted or dropped into the draft. */
export async function addPicture(conversationId: string, files: readonly File[]): Promise<void> {
  const change = (part: Partial<Draft>) => {
    const { drafts, setDraft } = useNotes.getState();
    setDraft(conversationId, { ...(drafts[conversationId] ?? empty), ...part });
  };
  if (files.length === 0) return;
  const picture = firstPicture(files);
  if (!picture) return change({ fault: notAPicture });
  change({ fault: '' });
  try {
    change({ image: await preparePicture(picture) });
  } catch (error) {
    change({ fault: error instanceof Error ? error.message : 'This picture cannot be used.' });
  }
}
