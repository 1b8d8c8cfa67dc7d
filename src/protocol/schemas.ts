/** What clients may send. Every schema is strict: an unknown field is refused by name. */
import { z } from 'zod';
import { limits } from './limits.ts';

/**
 * The well-known MERN client sends `image: null` with every text and `text: ""` with an
 * image, so both count as absent wherever a field is optional.
 */
const absentIfEmpty = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === null || value === '' ? undefined : value), schema.optional());

/** Half a surrogate pair cannot be stored as UTF-8; replaced here so that every copy is equal. */
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, '\uFFFD');

const withinCodePoints = (max: number) => (text: string) =>
  text.length <= max || (text.length <= 2 * max && [...text].length <= max);

const withoutControls = /^\P{Cc}*$/u;

const singleLine = (max: number, what: string) =>
  z
    .string()
    .transform((value) => wellFormed(value.trim()))
    .pipe(
      z
        .string()
        .refine(withinCodePoints(max), `${what} has at most ${max} characters`)
        .regex(withoutControls, `${what} must not contain control characters or line breaks`),
    );

const required = (what: string) => (value: string) => value !== '' || `${what} is required`;

export const userId = z
  .string()
  .regex(/^[0-9a-f]{24}$/, 'must be an id: 24 hexadecimal digits, lower case');
const groupId = userId;
const objectId = userId;
const messageId = userId;
/** A direct conversation's id joins both user ids, the smaller first; a group's is the group's. */
export const conversationId = z
  .string()
  .regex(/^[0-9a-f]{24}(-[0-9a-f]{24})?$/, 'must be the id of a conversation');

const fullName = singleLine(limits.nameLength, 'A name').refine(
  (value) => required('A name')(value) === true,
  'A name is required',
);
const email = z
  .string()
  .trim()
  .toLowerCase()
  .max(limits.emailLength, `An e-mail address has at most ${limits.emailLength} characters`)
  .pipe(z.email('must be an e-mail address'));
const newPassword = z
  .string()
  .min(limits.passwordMinLength, `A password has at least ${limits.passwordMinLength} characters`)
  .refine(
    (value) => new TextEncoder().encode(value).length <= limits.passwordMaxBytes,
    `A password has at most ${limits.passwordMaxBytes} bytes`,
  );
/** A password to be compared: any that could ever have been set, and shorter ones too. */
const givenPassword = z.string().min(1, 'A password is required').max(1_000);

const imageTypes = /^data:image\/(png|jpe?g|webp|gif);base64,/;
/** 4 characters for every 3 bytes, and the prefix. */
const dataUrlMaxLength = Math.ceil(limits.imageBytes / 3) * 4 + 64;
/** An image as a data URL. Its content is examined later; this is only its outer form. */
export const imageDataUrl = z
  .string()
  .max(dataUrlMaxLength, `An image has at most ${limits.imageBytes / 1024 / 1024} MB`)
  .refine(
    (value) => imageTypes.test(value.slice(0, 64)),
    'must be a PNG, JPEG, WebP or GIF as a base64 data URL',
  );

const clientId = z
  .string()
  .min(limits.clientIdMinLength, `has at least ${limits.clientIdMinLength} characters`)
  .max(limits.clientIdMaxLength, `has at most ${limits.clientIdMaxLength} characters`);

const messageText = z
  .string()
  .transform((value) => wellFormed(value.trim()))
  .pipe(
    z
      .string()
      .refine(
        withinCodePoints(limits.textLength),
        `A message has at most ${limits.textLength} characters`,
      ),
  );

const pageLimit = (max: number, fallback: number) =>
  z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(max, `must be at most ${max}`)
    .default(fallback);
const seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const seqParameter = z.coerce
  .number('must be a sequence number')
  .int('must be a whole number')
  .min(0, 'must not be negative')
  .max(Number.MAX_SAFE_INTEGER);

export const none = z.strictObject({});
/** Routes without a body take none, or an empty object. */
export const noBody = z.union([z.undefined(), none]).transform(() => ({}));

export const signupBody = z.strictObject({ fullName, email, password: newPassword });
export const loginBody = z.strictObject({
  email: z.string().trim().toLowerCase().min(1, 'An e-mail address is required').max(1_000),
  password: givenPassword,
});
export const updateProfileBody = z
  .strictObject({ profilePic: absentIfEmpty(imageDataUrl), fullName: absentIfEmpty(fullName) })
  .refine((body) => body.profilePic !== undefined || body.fullName !== undefined, {
    message: 'Give a new profilePic, a new fullName, or both',
  });

export const idParams = z.strictObject({ id: objectId });
export const userIdParams = z.strictObject({ userId });
export const memberParams = z.strictObject({ id: groupId, userId });

export const sidebarQuery = z.strictObject({
  limit: pageLimit(limits.sidebarMax, limits.sidebarMax),
});
/** Words that own groups have in their name or description; without any, all of them. */
export const groupsQuery = z.strictObject({
  query: z.string().trim().max(limits.nameLength).default(''),
});
export const directoryQuery = z.strictObject({
  query: z.string().trim().max(limits.nameLength).default(''),
  limit: pageLimit(limits.pageMax, limits.pageDefault),
  after: z.string().max(1_000).optional(),
});
export const historyQuery = z
  .strictObject({
    limit: pageLimit(limits.pageMax, limits.pageDefault),
    before: seqParameter.optional(),
    after: seqParameter.optional(),
    /** The page with this number in its middle. */
    around: seqParameter.optional(),
  })
  .refine((query) => query.before === undefined || query.after === undefined, {
    path: ['after'],
    message: 'Give before or after, not both',
  })
  .refine(
    ({ before, after, around }) =>
      around === undefined || (before === undefined && after === undefined),
    { path: ['around'], message: 'Give around without before and after' },
  );

/** A day is its beginning in UTC. */
const moment = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], {
    error: 'must be a date, such as 2026-03-01, or a time, such as 2026-03-01T08:00:00Z',
  })
  .transform((value) => new Date(value));
/** Words, or at least one of the others but `in`. */
export const searchQuery = z
  .strictObject({
    q: z
      .string()
      .transform((value) => wellFormed(value.trim()))
      .pipe(
        z
          .string()
          .refine(
            withinCodePoints(limits.searchLength),
            `A search has at most ${limits.searchLength} characters`,
          ),
      )
      .default(''),
    in: conversationId.optional(),
    from: userId.optional(),
    before: moment.optional(),
    after: moment.optional(),
    has: z.enum(['attachment'], 'must be "attachment"').optional(),
    limit: pageLimit(limits.pageMax, limits.searchDefault),
    cursor: z.string().max(1_000).optional(),
  })
  .refine(
    ({ q, from, has, before, after }) =>
      q !== '' || [from, has, before, after].some((filter) => filter !== undefined),
    { path: ['q'], message: 'Give what to search for, or one of from, has, before and after' },
  );

const hasContent = (content: {
  text?: string | undefined;
  image?: string | undefined;
  attachments?: string[] | undefined;
}) =>
  (content.text !== undefined && content.text !== '') ||
  content.image !== undefined ||
  (content.attachments !== undefined && content.attachments.length > 0);

/** Ids of one's own uploads. */
const attachments = z
  .array(objectId)
  .max(
    limits.attachmentsPerMessage,
    `A message has at most ${limits.attachmentsPerMessage} attachments`,
  )
  .refine((ids) => new Set(ids).size === ids.length, 'names an attachment twice');

/** A message over HTTP: a text, an image, uploaded files, or several of them. */
export const sendBody = z
  .strictObject({
    text: absentIfEmpty(messageText),
    image: absentIfEmpty(imageDataUrl),
    clientId: absentIfEmpty(clientId),
    replyTo: absentIfEmpty(messageId),
    attachments: absentIfEmpty(attachments),
  })
  .refine(hasContent, {
    path: ['text'],
    message: 'A message needs a text, an image or an attachment',
  });

/** A message over a socket. Files are uploaded over HTTP: a packet holds 64 KB at most. */
export const sendMessagePayload = z
  .strictObject({
    to: userId.optional(),
    groupId: groupId.optional(),
    text: messageText.default(''),
    clientId,
    replyTo: messageId.optional(),
    attachments: attachments.optional(),
  })
  .refine((payload) => (payload.to === undefined) !== (payload.groupId === undefined), {
    path: ['to'],
    message: 'Give to or groupId, and only one of them',
  })
  .refine(hasContent, { path: ['text'], message: 'A message needs a text or an attachment' });

/** An emoji that the Unicode Consortium recommends for interchange, and nothing beside it. */
const recommendedEmoji = /^\p{RGI_Emoji}$/v;
/** Some, such as the heart, are text without this sign behind them, and keyboards leave it out. */
const EMOJI_SIGN = '\uFE0F';
const emoji = z
  .string()
  .max(64, 'must be exactly one emoji')
  .transform((value) => (recommendedEmoji.test(value + EMOJI_SIGN) ? value + EMOJI_SIGN : value))
  .refine((value) => recommendedEmoji.test(value), 'must be exactly one emoji');

export const messageParams = z.strictObject({ messageId });
/** What an edit leaves: empty only where the message has an attachment. */
export const editBody = z.strictObject({ text: messageText });
export const editMessagePayload = z.strictObject({ messageId, text: messageText });
export const deleteMessagePayload = z.strictObject({ messageId });
export const reactionParams = z.strictObject({ messageId, emoji });
/** `active: false` takes the reaction back. */
export const reactToMessagePayload = z.strictObject({
  messageId,
  emoji,
  active: z.boolean().default(true),
});

/** Whether one is writing to somebody, or in a group. */
export const typingPayload = z
  .strictObject({ to: userId.optional(), groupId: groupId.optional(), active: z.boolean() })
  .refine((payload) => (payload.to === undefined) !== (payload.groupId === undefined), {
    path: ['to'],
    message: 'Give to or groupId, and only one of them',
  });

export const readBody = z.strictObject({ seq });
export const markReadPayload = z.strictObject({ conversationId, seq });
/** How far a device has received conversations: those that moved, in one event. */
export const markDeliveredPayload = z.strictObject({
  positions: z
    .array(z.strictObject({ conversationId, seq }))
    .min(1, 'Give at least one position')
    .max(limits.deliveredPositions, `Give at most ${limits.deliveredPositions} positions at once`),
});

const memberIds = z
  .array(userId)
  .max(limits.memberIdsPerRequest, `Give at most ${limits.memberIdsPerRequest} members at once`);
const groupName = singleLine(limits.nameLength, 'A name').refine(
  (value) => value !== '',
  'A name is required',
);
const description = z
  .string()
  .transform((value) => wellFormed(value.trim()))
  .pipe(
    z
      .string()
      .refine(
        withinCodePoints(limits.descriptionLength),
        `A description has at most ${limits.descriptionLength} characters`,
      ),
  );
const history = z.enum(['all', 'sinceJoin'], 'must be "all" or "sinceJoin"');

export const createGroupBody = z.strictObject({
  name: groupName,
  description: description.default(''),
  memberIds,
  groupPic: absentIfEmpty(imageDataUrl),
  history: history.default('all'),
});
export const updateGroupBody = z
  .strictObject({
    name: groupName.optional(),
    description: description.optional(),
    groupPic: absentIfEmpty(imageDataUrl),
    history: history.optional(),
  })
  .refine((body) => Object.values(body).some((value) => value !== undefined), {
    message: 'Give at least one of name, description, groupPic and history',
  });
export const addMembersBody = z.strictObject({
  memberIds: memberIds.min(1, 'Give at least one member'),
});

export const syncBody = z.strictObject({
  since: z
    .record(
      conversationId,
      z.strictObject({ seq, rev: seq, lastId: z.union([objectId, z.literal('')]).optional() }),
    )
    .refine(
      (since) => Object.keys(since).length <= limits.syncConversations,
      `Ask about at most ${limits.syncConversations} conversations at once`,
    ),
});

export const watchPresencePayload = z.strictObject({
  userIds: z.array(userId).max(limits.watchedUsers, `Watch at most ${limits.watchedUsers} people`),
});

/** Only what ended after a time; all that is kept where absent. */
export const operationsQuery = z.strictObject({
  since: z.iso.datetime('must be a time, ISO 8601 in UTC').optional(),
});

/** `auth` of the socket handshake; fields of other clients' own are let through. */
export const handshakeAuth = z.object({
  token: z.string().max(4_096).optional(),
  protocol: z.number().int().min(0).max(1_000).optional(),
});
/** A socket's own id, named by its client so that it does not hear its own message back. */
export const socketId = z.string().regex(/^[\w-]{20}$/);
