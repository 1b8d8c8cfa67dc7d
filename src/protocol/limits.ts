/** Sizes and counts that both sides of the wire keep to. */
export const limits = {
  /** Code points of a message's text, after trimming. */
  textLength: 4_000,
  /** Different emoji on one message. */
  reactionsPerMessage: 20,
  /** People's choices on one message, all emoji together: it travels whole. */
  choicesPerMessage: 1_000,
  /** Unread mentions of one conversation that are listed, beside being counted. */
  mentionSeqs: 100,
  nameLength: 100,
  descriptionLength: 500,
  emailLength: 254,
  passwordMinLength: 8,
  /** bcrypt ignores every byte after the 72nd, so longer passwords are refused. */
  passwordMaxBytes: 72,
  /** Of an image as a data URL; of uploads the server's configuration says it. */
  imageBytes: 5 * 1024 * 1024,
  /** Uploaded files of one message. */
  attachmentsPerMessage: 10,
  /** UTF-16 units of a file's name; what is longer is cut. */
  fileNameLength: 200,
  /** Files of one user that were uploaded and not sent yet. */
  unsentUploads: 100,
  /** After that time an upload that was not sent is removed. */
  unsentUploadHours: 24,
  /** A 5 MB image as a base64 data URL, and room for the rest. */
  jsonBodyBytes: 8 * 1024 * 1024,
  socketPacketBytes: 64 * 1024,
  clientIdMinLength: 8,
  clientIdMaxLength: 64,
  pageDefault: 50,
  pageMax: 100,
  sidebarMax: 1_000,
  /** Code points of what is searched for. */
  searchLength: 200,
  searchDefault: 20,
  groupMembers: 2_000,
  /** Members named in one request. */
  memberIdsPerRequest: 1_000,
  watchedUsers: 2_000,
  /** Conversations in one `markDelivered`: they fit into one packet. */
  deliveredPositions: 500,
  /** Conversations that one `sync` may ask about; the rest is asked in a further one. */
  syncConversations: 2_000,
  /** Messages that one `sync` answers with before it says `more`. */
  syncMessages: 500,
  sessionDays: 7,
} as const;

/**
 * How often something may be done; each name stands in the RateLimit headers. What each one
 * counts is said in infra/rate-limit.ts.
 */
export const rateLimitNames = [
  'general',
  'authenticated',
  'messages',
  'login',
  'login-address',
  'login-account',
  'sign-up',
  'files',
  'socket',
] as const;
export type RateLimitName = (typeof rateLimitNames)[number];
