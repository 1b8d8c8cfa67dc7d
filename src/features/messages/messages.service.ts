/** Sending and reading messages. */
import { hash } from 'node:crypto';
import { notFound, toAppError, unavailable } from '../../errors.ts';
import { withLimit } from '../../infra/lifecycle.ts';
import { mayMention } from '../../protocol/mentions.ts';
import type {
  Attachment,
  MemberPosition,
  Message,
  ReadPosition,
  ReplyReference,
} from '../../protocol/types.ts';
import type { Caller } from '../../transport/operation.ts';
import type { AttachmentService } from '../attachments/attachments.service.ts';
import type { MessageClaim } from '../attachments/attachments.store.ts';
import type { UploadService } from '../attachments/uploads.service.ts';
import type {
  Access,
  ConversationService,
  OwnConversation,
} from '../conversations/conversations.service.ts';
import type { Mentions } from './mention-counts.ts';
import { mentionsOf } from './mentions.ts';
import { presentMessage } from './messages.present.ts';
import type { MessageStore } from './messages.store.ts';
import type { Page, PageRequest } from './page-cache.ts';
import type { MessageDraft } from './persist-batch.ts';
import type { Pipeline, Stored } from './pipeline.ts';
import { createTurns } from './turns.ts';

/** The promise: every send is answered within 5 s, of which asking beforehand may take half. */
const ANSWER_MS = 4_700;
const PREPARE_MS = 2_500;
const NOT_ACCEPTED = 'The message could not be accepted at the moment. Please send it again.';

/** A direct conversation by its other person, or a group. */
export type Recipient = { userId: string } | { groupId: string };

export interface Content {
  text?: string | undefined;
  /** A data URL. */
  image?: string | undefined;
  clientId?: string | undefined;
  /** Id of a message of the same conversation. */
  replyTo?: string | undefined;
  /** Ids of own uploads. */
  attachments?: string[] | undefined;
}

/** Checked and on its way; the answer comes after the commit. */
interface Accepted {
  answer: Promise<Stored>;
  /** The one that came with it as a data URL. */
  image: Attachment | undefined;
  /** Gives back what was claimed for it. */
  release: (() => Promise<void>) | undefined;
}

/** What a message needs, found before it is stored. */
interface Prepared {
  draft: MessageDraft;
  image?: Attachment | undefined;
  release?: (() => Promise<void>) | undefined;
}

export type MessageService = ReturnType<typeof createMessageService>;

export function createMessageService(deps: {
  store: MessageStore;
  pipeline: Pick<Pipeline, 'submit'>;
  conversations: Pick<
    ConversationService,
    | 'direct'
    | 'knownDirect'
    | 'authorize'
    | 'knownGroup'
    | 'membersAmong'
    | 'openDirect'
    | 'markRead'
    | 'positions'
    | 'head'
  >;
  attachments: Pick<AttachmentService, 'keepImage' | 'remove' | 'removeConversation'>;
  uploads: Pick<UploadService, 'claim' | 'release'>;
  newId: () => string;
}) {
  const { store, pipeline, conversations, attachments, uploads } = deps;

  const accessTo = (caller: Caller, recipient: Recipient): Promise<Access> =>
    'userId' in recipient
      ? conversations.direct(caller.userId, recipient.userId)
      : conversations.authorize(caller.userId, recipient.groupId);

  const turns = createTurns();

  /** Without asking anybody, which is the way of nearly every message. */
  const knownAccess = (caller: Caller, recipient: Recipient): Access | undefined =>
    'userId' in recipient
      ? conversations.knownDirect(caller.userId, recipient.userId)
      : conversations.knownGroup(caller.userId, recipient.groupId);

  /** The whole way has one limit, from the arrival of the request on. */
  const left = (caller: Caller, ms: number): number =>
    Math.max(1, ms - (performance.now() - caller.arrivedAt));

  function accept(
    caller: Caller,
    recipient: Recipient,
    content: Content,
  ): Accepted | Promise<Accepted> {
    const { image, replyTo, attachments } = content;
    const isPlain =
      image === undefined &&
      replyTo === undefined &&
      attachments === undefined &&
      !('groupId' in recipient && mayMention(content.text));
    const access = isPlain ? knownAccess(caller, recipient) : undefined;
    return access === undefined
      ? askAndAccept(caller, recipient, content)
      : submit(caller, { draft: draftOf(caller, access.conversationId, content) });
  }

  function submit(caller: Caller, { draft, image, release }: Prepared): Accepted {
    const answer = pipeline.submit(draft, left(caller, ANSWER_MS));
    // Awaited by the sender, but not before the next message had its turn.
    answer.catch(() => undefined);
    return { answer, image, release };
  }

  async function askAndAccept(
    caller: Caller,
    recipient: Recipient,
    content: Content,
  ): Promise<Accepted> {
    const prepared = await withLimit(
      prepare(caller, recipient, content),
      left(caller, PREPARE_MS),
      'asking who may write there',
    ).catch((error: unknown) => {
      const known = toAppError(error);
      // Whatever it was, nothing is stored, and sending again is right.
      throw known.code === 'internal' ? unavailable(NOT_ACCEPTED, error) : known;
    });
    return submit(caller, prepared);
  }

  async function prepare(
    caller: Caller,
    recipient: Recipient,
    content: Content,
  ): Promise<Prepared> {
    const access = await accessTo(caller, recipient);
    const { conversationId, kind } = access;
    const replyTo =
      content.replyTo === undefined ? undefined : await answered(access, content.replyTo);
    const image =
      content.image === undefined
        ? undefined
        : await attachments.keepImage(caller.userId, conversationId, content.image);
    const draft = draftOf(caller, conversationId, content);
    const ids = content.attachments ?? [];
    const uploaded = ids.length === 0 ? [] : await claimed(draft, ids);
    const mentions = await mentionsOf(draft.text, conversationId, conversations);
    const attached = [...(image === undefined ? [] : [image]), ...uploaded];
    // Last, so that a refused message leaves no conversation behind.
    if (kind === 'direct') await conversations.openDirect(conversationId);
    return {
      image,
      ...(ids.length === 0
        ? {}
        : { release: () => uploads.release(caller.userId, ids, claimOf(draft)) }),
      draft: {
        ...draft,
        ...(attached.length === 0 ? {} : { attachments: attached }),
        ...(replyTo === undefined ? {} : { replyTo }),
        ...(mentions.length === 0 ? {} : { mentions }),
      },
    };
  }

  /** Files of a message that was stored before and deleted since are gone; the first answer counts. */
  async function claimed(draft: MessageDraft, ids: string[]): Promise<Attachment[]> {
    try {
      return await uploads.claim(draft.senderId, ids, claimOf(draft));
    } catch (error) {
      if (toAppError(error).code !== 'not_found') throw error;
      const stored = await store.findByIdentity([draft]);
      if (stored.length === 0) throw error;
      return [];
    }
  }

  /** A message that this member sees. That it may be deleted meanwhile does not keep it from being answered. */
  async function answered(
    { conversationId, fromSeq }: Access,
    messageId: string,
  ): Promise<ReplyReference> {
    const found = await store.find(messageId);
    if (found?.conversationId !== conversationId || found.seq <= fromSeq) {
      throw notFound('The message to reply to');
    }
    return { _id: messageId, seq: found.seq, senderId: found.senderId };
  }

  /** Without what has to be asked for. */
  function draftOf(caller: Caller, conversationId: string, content: Content): MessageDraft {
    const _id = deps.newId();
    return {
      _id,
      conversationId,
      senderId: caller.userId,
      clientId: content.clientId ?? _id,
      text: content.text ?? '',
      contentHash: contentHash(content),
      ...(caller.socketId === undefined ? {} : { socketId: caller.socketId }),
      viaHttp: caller.transport === 'http',
    };
  }

  /** An image that no message needs is not kept. */
  async function answerTo({ answer, image, release }: Accepted): Promise<Stored> {
    if (release !== undefined) {
      answer.catch((error: unknown) => {
        if (isRefusal(error)) void release();
      });
    }
    if (image === undefined) return answer;
    try {
      const stored = await answer;
      if (!stored.created) await attachments.remove(image._id);
      return stored;
    } catch (error) {
      // After a 503 nobody knows whether the message that needs the image is stored.
      if (isRefusal(error)) await attachments.remove(image._id);
      throw error;
    }
  }

  async function markRead(caller: Caller, access: Access, seq: number): Promise<ReadPosition> {
    const { conversationId } = access;
    const head = await conversations.head(conversationId);
    // Beyond the head only the messages tell: it may be a moment behind one that was just read.
    const isThere = head !== undefined && seq <= head.seq;
    const readSeq = isThere ? seq : Math.min(seq, await store.lastSeq(conversationId));
    return conversations.markRead(caller.userId, access, readSeq);
  }

  return {
    /**
     * Stores a message; resolves after the commit.
     * @throws AppError not_found, invalid_image, client_id_reused, unavailable
     */
    send: (caller: Caller, recipient: Recipient, content: Content): Promise<Stored> => {
      const acceptNow = () => accept(caller, recipient, content);
      const accepted =
        caller.transport === 'socket' && caller.socketId !== undefined
          ? turns.take(caller.socketId, acceptNow)
          : acceptNow();
      return accepted instanceof Promise ? accepted.then(answerTo) : answerTo(accepted);
    },
    /** A page of history, ascending; without `before` and `after` the newest one. */
    history: async (caller: Caller, recipient: Recipient, request: PageRequest): Promise<Page> => {
      const access = knownAccess(caller, recipient) ?? (await accessTo(caller, recipient));
      const { conversationId, fromSeq } = access;
      const stateOf = () => conversations.head(conversationId);
      return store.page(conversationId, stateOf, request, fromSeq);
    },

    /** Moves the caller's reading position forward, at most to the last message. */
    read: async (caller: Caller, recipient: Recipient, seq: number): Promise<ReadPosition> =>
      markRead(caller, await accessTo(caller, recipient), seq),
    /** How far each member of the conversation is. */
    positions: async (caller: Caller, recipient: Recipient): Promise<MemberPosition[]> =>
      conversations.positions(await accessTo(caller, recipient)),
    /** The same as `read`, for a conversation by its id. */
    readConversation: async (
      caller: Caller,
      conversationId: string,
      seq: number,
    ): Promise<ReadPosition> =>
      markRead(caller, await conversations.authorize(caller.userId, conversationId), seq),
    /** The seq of a conversation's last message; 0 when it has none. */
    lastSeq: (conversationId: string): Promise<number> => store.lastSeq(conversationId),

    /** The last messages of conversations as JSON, by id, for the previews of the lists. */
    lastOf: (conversations: OwnConversation[]): Promise<Map<string, string>> =>
      store.lastMessages(
        conversations
          .filter(({ lastId }) => lastId !== '')
          .map(({ _id: conversationId, lastId, rev }) => ({ conversationId, lastId, rev })),
      ),
    /** Whether a message that claimed an upload is stored, and still has it. */
    holds: async (
      { conversationId, clientId }: MessageClaim,
      senderId: string,
      attachmentId: string,
    ): Promise<boolean> => {
      const found = await store.findByIdentity([{ conversationId, senderId, clientId }]);
      return found.some(
        (message) => message.attachments?.some(({ _id }) => _id === attachmentId) ?? false,
      );
    },
    /** Of groups with unread messages those that name the user, by the group's id. */
    unreadMentions: (userId: string, own: OwnConversation[]): Promise<Map<string, Mentions>> =>
      store.unreadMentions(
        userId,
        own.filter(({ kind, unreadCount }) => kind === 'group' && unreadCount > 0),
      ),
    /** By id, as they are now; those that are gone are absent. For who knows that they may be read. */
    findMany: async (ids: string[]): Promise<Map<string, Message>> =>
      new Map((await store.findMany(ids)).map((record) => [record._id, presentMessage(record)])),
    /** What is derived from messages is found again in them. */
    storedFrom: store.storedFrom,
    changedFrom: store.changedFrom,
    /** When its conversation is gone. */
    removeConversation: async (conversationId: string): Promise<void> => {
      await store.removeConversation(conversationId);
      await attachments.removeConversation(conversationId);
    },
  };
}

const claimOf = ({ conversationId, clientId }: MessageDraft): MessageClaim => ({
  conversationId,
  clientId,
});

const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'client_id_reused';

/** Of what was asked for: equal for a retry, different for other content. */
export const contentHash = ({ text, image, replyTo, attachments }: Content): string => {
  const parts = [
    text ?? '',
    image ?? '',
    ...(replyTo === undefined ? [] : [replyTo]),
    ...(attachments === undefined ? [] : [`files:${attachments.join()}`]),
  ];
  return hash('sha256', parts.join('\0'), 'base64').slice(0, 22);
};
