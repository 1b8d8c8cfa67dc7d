/** What travels from the server to clients. Ids are strings, times ISO 8601 in UTC. */

export interface User {
  _id: string;
  fullName: string;
  /** A URL on this server, or "" when there is none. */
  profilePic: string;
  createdAt: string;
  lastSeenAt: string;
  online?: boolean;
}

/** A user as only the user itself (and administrators) may see it. */
export interface OwnUser extends User {
  email: string;
}

/** The answer to sign-up and login. */
export interface Account {
  _id: string;
  fullName: string;
  email: string;
  profilePic: string;
}

export interface TokenGrant {
  token: string;
  expiresAt: string;
  user: OwnUser;
}

export interface Session {
  _id: string;
  createdAt: string;
  lastUsedAt: string;
  expiresAt: string;
  userAgent: string;
  /** Whether the asking request belongs to this session. */
  current: boolean;
}

export interface Attachment {
  _id: string;
  url: string;
  /** Media type, from the content. */
  type: string;
  /** Bytes. */
  size: number;
  width?: number;
  height?: number;
}

export interface Message {
  _id: string;
  conversationId: string;
  /** 1, 2, 3 … within the conversation, without holes. */
  seq: number;
  senderId: string;
  /** The other person; direct messages only. */
  receiverId?: string;
  /** Group messages only. */
  groupId?: string;
  clientId: string;
  text: string;
  /** URL of the first image. */
  image?: string;
  attachments?: Attachment[];
  /** 0 until the message is changed; then it grows within the conversation. */
  rev: number;
  createdAt: string;
  updatedAt: string;
}

/** A person in the sidebar. `conversationId` is there even before the first message. */
export interface Contact extends User {
  online: boolean;
  conversationId: string;
  lastMessage?: Message;
  unreadCount: number;
  /** Own reading position. */
  readSeq: number;
}

export type GroupRole = 'admin' | 'member';

export interface GroupMember {
  _id: string;
  fullName: string;
  profilePic: string;
  role: GroupRole;
}

/** Whether new members see what was written before they joined. */
export type GroupHistory = 'all' | 'sinceJoin';

/** A group's id is also its conversation's id. */
export interface Group {
  _id: string;
  name: string;
  description: string;
  groupPic: string;
  history: GroupHistory;
  admins: string[];
  members: GroupMember[];
  createdAt: string;
  updatedAt: string;
  lastMessage?: Message;
  unreadCount?: number;
  /** Own reading position. */
  readSeq?: number;
}

export interface ReadPosition {
  conversationId: string;
  userId: string;
  seq: number;
}

/** Where a conversation stands, or how far a client knows it. */
export interface Position {
  seq: number;
  rev: number;
  /** `_id` of the message at `seq`; absent or "" when there is none. */
  lastId?: string | undefined;
}

export interface ConversationHead {
  conversationId: string;
  seq: number;
  rev: number;
  lastId: string;
}

export interface ConversationChanges {
  conversationId: string;
  /** The client's copy does not belong to this history: drop it and take `messages` instead. */
  reset?: true;
  /** Ascending and contiguous. */
  messages: Message[];
  upTo: { seq: number; rev: number; lastId: string };
  /** Whether more is waiting after `upTo`. */
  more: boolean;
}

export interface SyncResult {
  changes: ConversationChanges[];
  joined: string[];
  left: string[];
  /** Whether a further `sync` is needed to be complete. */
  more: boolean;
}

export interface PresenceState {
  userId: string;
  online: boolean;
  lastSeenAt: string;
}
