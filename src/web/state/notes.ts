import { create } from 'zustand';
import type { OutgoingImage } from '../client/outbox.ts';

/** A message that is being written. */
export interface Draft {
  text: string;
  image?: OutgoingImage;
  /** Why the file chosen last was not taken. */
  fault?: string;
}

interface Notes {
  /** By conversation, so that each keeps its own when another is opened. */
  drafts: Readonly<Record<string, Draft>>;
  setDraft: (conversationId: string, draft: Draft) => void;
  /** Why the sign-in screen is shown, where that is not obvious. */
  signedOut: string;
  setSignedOut: (message: string) => void;
  clear: () => void;
}

/** The little that is neither the server's nor one component's. */
export const useNotes = create<Notes>((set) => ({
  drafts: {},
  setDraft: (conversationId, draft) =>
    set(({ drafts }) => ({ drafts: { ...drafts, [conversationId]: draft } })),
  signedOut: '',
  setSignedOut: (signedOut) => set({ signedOut, drafts: {} }),
  clear: () => set({ drafts: {}, signedOut: '' }),
}));
