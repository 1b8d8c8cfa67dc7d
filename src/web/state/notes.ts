import { create } from 'zustand';

interface Notes {
  /** Why the sign-in screen is shown, where that is not obvious. */
  signedOut: string;
  setSignedOut: (message: string) => void;
}

/** The little that is neither the server's, nor one person's, nor one component's. */
export const useNotes = create<Notes>((set) => ({
  signedOut: '',
  setSignedOut: (signedOut) => set({ signedOut }),
}));
