import { useStore } from 'zustand';
import { firstPicture, notAPicture, preparePicture } from '../browser/pictures.ts';
import { useChat } from '../state/chat.tsx';

/** The message being written in one conversation. */
export function useDraft(conversationId: string) {
  const { drafts } = useChat();
  const draft = useStore(drafts.store, () => drafts.of(conversationId));
  return {
    draft,
    setText: (text: string) => drafts.change(conversationId, { text, fault: '' }),
    dropImage: () => drafts.set(conversationId, { text: draft.text }),
    clear: () => drafts.set(conversationId, { text: '' }),
  };
}

/** Takes the first picture of what was picked, pasted or dropped into the draft. */
export function useAddPicture(conversationId: string) {
  const { drafts } = useChat();
  return async (files: readonly File[]) => {
    if (files.length === 0) return;
    const picture = firstPicture(files);
    drafts.change(conversationId, { fault: picture ? '' : notAPicture });
    if (!picture) return;
    try {
      drafts.change(conversationId, { image: await preparePicture(picture) });
    } catch (error) {
      const fault = error instanceof Error ? error.message : 'This picture cannot be used.';
      drafts.change(conversationId, { fault });
    }
  };
}
