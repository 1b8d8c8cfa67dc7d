import { createContext, use } from 'react';
import type { Sender } from './sender.ts';

/** What a message needs of the conversation that it is shown in. */
export interface ConversationActions {
  conversationId: string;
  /** The other person of a direct conversation. */
  partnerId: string | undefined;
  /** Whether one may delete the messages of others. */
  isAdmin: boolean;
  senderOf: (written: { senderId: string }) => Sender;
  /** Shows the message of this number, loading what lies between. */
  jumpTo: (seq: number) => void;
}

export const ConversationActionsContext = createContext<ConversationActions | undefined>(undefined);

export function useConversationActions(): ConversationActions {
  const actions = use(ConversationActionsContext);
  if (!actions) throw new Error('a message is shown outside of a conversation');
  return actions;
}
