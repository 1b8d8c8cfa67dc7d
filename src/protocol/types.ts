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
  /** Only where it is so. */
  admin?: true;
}

/** The answer to sign-up and login. */
export interface Account {
  _id: string;
  fullName: string;
  email: string;
  profilePic: string;
  /** Only where it is so. */
  admin?: true;
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

/** A file: a picture that can be shown, where it has a width and a height, else one to download. */
export interface Attachment {
  _id: string;
  url: string;
  /** Media type, from the content; application/octet-stream where it does not tell. */
  type: string;
  /** Bytes. */
  size: number;
  /** What its sender calls it; absent for images that were sent as data URLs. */
  name?: string;
  /** Pixels. */
  width?: number;
  height?: number;
  /** A smaller picture; only of large ones that do not move. */
  thumbnail?: Thumbnail;
}

export interface Thumbnail {
  url: string;
  /** Pixels. */
  width: number;
  height: number;
}

/** What this server takes as uploads. */
export interface UploadLimits {
  maxBytes: number;
  perMessage: number;
}

/** The message that another one answers; it never changes, whatever becomes of that message. */
export interface ReplyReference {
  _id: string;
  seq: number;
  senderId: string;
}

/** One emoji on a message, with who chose it, the earliest first. */
export interface Reaction {
  emoji: string;
  userIds: string[];
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
  /** URL of the first picture. */
  image?: string;
  attachments?: Attachment[];
  replyTo?: ReplyReference;
  /** In the order in which they were first chosen; absent without any. */
  reactions?: Reaction[];
  /**
   * Whom the tokens in the text of a group's message name (mentions.ts): ids of members, or
   * "all", each once; absent without any. The server finds them.
   */
  mentions?: string[];
  /** 0 until the message is changed; then it grows within the conversation. */
  rev: number;
  /** When its text was last changed. */
  editedAt?: string;
  /** A deleted message keeps its place, without its content. */
  deletedAt?: string;
  createdAt: string;
  updatedAt: string;
}

/** A message that a search found. */
export interface SearchHit {
  message: Message;
  /** What was looked for in its text: beginning and length in UTF-16 units, ascending, apart. */
  highlights: [start: number, length: number][];
}

/** A person in the sidebar. `conversationId` is there even before the first message. */
export interface Contact extends User {
  online: boolean;
  conversationId: string;
  lastMessage?: Message;
  unreadCount: number;
  /** Own reading position. */
  readSeq: number;
  /** Of the conversation: every change up to it is in `lastMessage`. */
  rev: number;
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
  /** Of the unread messages those that name oneself or all. */
  mentionCount?: number;
  /** Their numbers, ascending; of very many the newest. */
  mentionSeqs?: number[];
  /** Own reading position. */
  readSeq?: number;
  /** Of the conversation: every change up to it is in `lastMessage`. */
  rev?: number;
}

/** How far a member is. */
export interface MemberPosition {
  userId: string;
  /** Read up to this message; one's own messages count as read. */
  readSeq: number;
  /** One of their devices has received everything up to this message; at least `readSeq`. */
  deliveredSeq: number;
  /** What was written up to this message, before they joined, is hidden from them. */
  fromSeq: number;
}

/** How far somebody has read a conversation, or received it. */
export interface ReadPosition {
  conversationId: string;
  userId: string;
  seq: number;
}

/** That somebody is writing, or no longer is. */
export interface TypingState {
  conversationId: string;
  userId: string;
  active: boolean;
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
  /**
   * Ascending: what came after the client's position, contiguous, and of what came before it
   * that which has changed since.
   */
  messages: Message[];
  /** `seq` is that of the last contiguous message; changes up to `rev` are known with this. */
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

/** Requests or socket events of a few seconds. Times are milliseconds, null without any. */
export interface TrafficSample {
  perSecond: number;
  /** Refused (4xx) and failed (5xx) ones, per second. */
  refused: number;
  failed: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

/** Look-ups in one tier of one cache during a few seconds. */
export interface CacheSample {
  cache: string;
  tier: string;
  hits: number;
  /** Those included where a copy was there, and out of date. */
  misses: number;
  stalePrevented: number;
}

/** How one instance fared during a few seconds. */
export interface OperationsSample {
  /** Its end, by the instance's own clock. */
  at: string;
  /** Its length. */
  seconds: number;
  connections: number;
  /** Stored by this instance, per second. */
  messages: number;
  /** Accepted and not answered yet. */
  pending: number;
  http: TrafficSample;
  events: TrafficSample;
  /** Milliseconds that what was due had to wait. */
  eventLoop: { p50: number; p99: number; max: number };
  /** Share of one core. */
  cpu: number;
  /** Bytes. */
  memory: { rss: number; heapUsed: number; heapTotal: number; external: number };
  mongodb: {
    status: 'up' | 'down';
    pool: { open: number; inUse: number; waiting: number; max: number };
  };
  redis: 'up' | 'down' | 'off';
  /** Jobs by state; null while they cannot be counted. */
  queue: Record<string, number> | null;
  /** Absent where there are no caches. */
  caches?: CacheSample[];
}

export interface OperationsInstance {
  id: string;
  host: string;
  pid: number;
  version: string;
  startedAt: string;
  /** false: it stopped, or nothing was heard of it for some seconds. */
  live: boolean;
  /** Ascending; of the last minutes, or those after what was asked for. */
  samples: OperationsSample[];
}

/** What administrators see of all instances. */
export interface OperationsSnapshot {
  /** The instance that answers. */
  instanceId: string;
  now: string;
  /** Seconds from sample to sample. */
  every: number;
  instances: OperationsInstance[];
}
