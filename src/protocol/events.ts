/** Every Socket.IO event. Each client event takes an acknowledgement. */
import type { z } from 'zod';
import type { Problem } from './problems.ts';
import * as s from './schemas.ts';
import type {
  ConversationHead,
  Group,
  Message,
  PresenceState,
  ReadPosition,
  SyncResult,
  TypingState,
  User,
} from './types.ts';

/** Clients of this protocol version deduplicate, follow heads and watch presence. */
export const PROTOCOL_VERSION = 1;

/** Client event -> schema of its payload. */
export const clientEvents = {
  sendMessage: s.sendMessagePayload,
  editMessage: s.editMessagePayload,
  deleteMessage: s.deleteMessagePayload,
  reactToMessage: s.reactToMessagePayload,
  typing: s.typingPayload,
  markRead: s.markReadPayload,
  markDelivered: s.markDeliveredPayload,
  sync: s.syncBody,
  watchPresence: s.watchPresencePayload,
} as const;

export type ClientEventName = keyof typeof clientEvents;
export type ClientEventInput<K extends ClientEventName> = z.output<(typeof clientEvents)[K]>;

/** Client event -> what its acknowledgement carries beside `ok: true`. */
export interface ClientEventAnswers {
  sendMessage: { message: Message };
  editMessage: { message: Message };
  deleteMessage: { message: Message };
  reactToMessage: { message: Message };
  typing: Record<never, never>;
  markRead: { read: ReadPosition };
  /** What was taken: of conversations of one's own, at most up to their last message. */
  markDelivered: { delivered: ReadPosition[] };
  sync: SyncResult;
  watchPresence: { presence: PresenceState[] };
}

export type Ack<T> = ({ ok: true } & T) | { ok: false; error: Problem };

export type ClientToServerEvents = {
  [K in ClientEventName]: (
    payload: z.input<(typeof clientEvents)[K]>,
    ack: (answer: Ack<ClientEventAnswers[K]>) => void,
  ) => void;
};

export interface ServerToClientEvents {
  /** To clients without a protocol version: everybody who is online. */
  getOnlineUsers: (userIds: string[]) => void;
  conversationHeads: (heads: ConversationHead[]) => void;
  presence: (states: PresenceState[]) => void;
  newMessage: (message: Message) => void;
  newGroupMessage: (message: Message) => void;
  messageUpdated: (message: Message) => void;
  messageDeleted: (message: Message) => void;
  messageReaction: (message: Message) => void;
  /** Over after some 10 s without a further one; to clients of protocol >= 1. */
  typing: (state: TypingState) => void;
  conversationRead: (position: ReadPosition) => void;
  /** To the other person of a direct conversation, with a client of protocol >= 1. */
  conversationDelivered: (position: ReadPosition) => void;
  /** Someone signed up, or changed their name or picture; to clients of protocol >= 1. */
  userUpdated: (user: User) => void;
  newGroup: (group: Group) => void;
  groupUpdated: (group: Group) => void;
  removedFromGroup: (info: { groupId: string }) => void;
  groupDeleted: (info: { groupId: string }) => void;
  sessionRevoked: (info: { message: string }) => void;
}
