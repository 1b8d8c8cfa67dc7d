/**
 * Catching up: a client says how far it knows each conversation, and gets exactly what came
 * after, in order and without gaps, and the changes to what it knows, or the newest page with
 * `reset` when its copy does not belong to this history (for example after a restored backup).
 *
 * Changes are told by their rev. Each is read after the head that names it, so that with the
 * messages of an answer every change up to its `upTo.rev` is known: of those that the client
 * will yet read by their seq, too, because what is read later is changed already.
 *
 * An answer holds a bounded number of messages; `more` says that the client should ask again.
 */
import { limits } from '../../protocol/limits.ts';
import type { ConversationChanges, Message, Position, SyncResult } from '../../protocol/types.ts';
import { partnerOf } from '../conversations/conversation-id.ts';
import type {
  ConversationService,
  OwnConversation,
} from '../conversations/conversations.service.ts';
import { presentMessage } from './messages.present.ts';
import type { MessageRecord, MessageStore } from './messages.store.ts';

const NEWEST_PAGE = 30;
/** Each costs one indexed query. */
const CONVERSATIONS_PER_ANSWER = 50;

export type SyncService = ReturnType<typeof createSyncService>;

export function createSyncService(deps: {
  store: Pick<MessageStore, 'from' | 'newestBefore' | 'changedSince' | 'lastRev'>;
  conversations: Pick<ConversationService, 'listOf'>;
}) {
  const { store } = deps;

  async function newestPage(conversation: OwnConversation): Promise<Message[]> {
    const { _id, fromSeq } = conversation;
    if (conversation.seq === 0) return [];
    const page = await store.newestBefore(_id, Number.MAX_SAFE_INTEGER, fromSeq, NEWEST_PAGE);
    return page.map(presentMessage);
  }

  async function startAnew(
    conversation: OwnConversation,
    reset: boolean,
  ): Promise<ConversationChanges> {
    const messages = await newestPage(conversation);
    const { seq, _id: lastId } = messages.at(-1) ?? {
      seq: conversation.seq,
      _id: conversation.lastId,
    };
    return {
      conversationId: conversation._id,
      ...(reset ? { reset: true as const } : {}),
      messages,
      upTo: { seq, rev: conversation.rev, lastId },
      more: false,
    };
  }

  async function changesSince(
    conversation: OwnConversation,
    since: Position,
    budget: number,
  ): Promise<ConversationChanges> {
    const { _id: conversationId, fromSeq } = conversation;
    // Reading begins with the last known message, to see whether it is still there and the same.
    // The head does not tell: a message is delivered before its conversation's head is written.
    const checksLast = since.seq > fromSeq;
    const firstNew = Math.max(since.seq, fromSeq) + 1;
    const extra = checksLast ? 2 : 1;
    const found = await store.from(conversationId, firstNew - (checksLast ? 1 : 0), budget + extra);
    const known = checksLast ? found.shift() : undefined;
    if (checksLast && !isSame(known, since)) return startAnew(conversation, true);
    const changed = await changesAfter(conversation, since.rev, budget - found.length);
    if (changed === undefined) return startAnew(conversation, true);
    const added = new Map(found.slice(0, budget).map((record) => [record.seq, record]));
    const last = [...added.values()].at(-1);
    // What is changed beyond the answer comes by its seq, as it is then.
    for (const record of changed.records) {
      if (record.seq < firstNew || added.has(record.seq)) added.set(record.seq, record);
    }
    return {
      conversationId,
      messages: [...added.values()].sort((a, b) => a.seq - b.seq).map(presentMessage),
      upTo: {
        seq: last?.seq ?? Math.max(since.seq, fromSeq),
        rev: changed.upTo,
        lastId: last?._id ?? (checksLast ? (since.lastId ?? '') : ''),
      },
      more: found.length > budget || changed.more,
    };
  }

  /** Undefined: the client knows changes that this history does not have. */
  async function changesAfter(
    { _id, rev, fromSeq }: OwnConversation,
    since: number,
    budget: number,
  ): Promise<{ records: MessageRecord[]; upTo: number; more: boolean } | undefined> {
    // A change is told before its conversation's head is written, so a client may be ahead.
    const last = since > rev ? await store.lastRev(_id) : rev;
    if (last < since) return undefined;
    if (last === since) return { records: [], upTo: since, more: false };
    if (budget <= 0) return { records: [], upTo: since, more: true };
    const found = await store.changedSince(_id, since, fromSeq, budget + 1);
    const records = found.slice(0, budget);
    const upTo = records.at(-1)?.rev ?? since;
    const more = found.length > budget;
    return { records, upTo: more ? upTo : Math.max(last, upTo), more };
  }

  const isSame = (known: MessageRecord | undefined, { seq, lastId }: Position): boolean =>
    known?.seq === seq && (lastId === undefined || lastId === '' || known._id === lastId);

  const isBehind = (conversation: OwnConversation, since: Position): boolean =>
    // Nothing up to `fromSeq` is for this member, so knowing none of it is not being behind.
    Math.max(since.seq, conversation.fromSeq) !== conversation.seq ||
    since.rev !== conversation.rev ||
    (since.seq > conversation.fromSeq &&
      since.lastId !== undefined &&
      since.lastId !== '' &&
      since.lastId !== conversation.lastId);

  return {
    /** @param since conversation -> how far the client knows it. */
    sync: async (userId: string, since: Record<string, Position>): Promise<SyncResult> => {
      const own = await deps.conversations.listOf(userId);
      const ownIds = new Set(own.map((conversation) => conversation._id));
      // A direct conversation has no documents before its first message; it is not "left".
      const left = Object.keys(since).filter(
        (id) => !ownIds.has(id) && partnerOf(id, userId) === undefined,
      );
      const changes: ConversationChanges[] = [];
      const joined: string[] = [];
      let budget: number = limits.syncMessages;
      let more = false;
      for (const conversation of own) {
        const position = since[conversation._id];
        // A direct conversation without a message has nothing to tell, and clients keep none.
        if (position === undefined && conversation.kind === 'direct' && conversation.seq === 0) {
          continue;
        }
        if (position !== undefined && !isBehind(conversation, position)) continue;
        if (budget <= 0 || changes.length >= CONVERSATIONS_PER_ANSWER) {
          more = true;
          break;
        }
        const change =
          position === undefined
            ? await startAnew(conversation, false)
            : await changesSince(conversation, position, budget);
        if (position === undefined) joined.push(conversation._id);
        changes.push(change);
        more ||= change.more;
        budget -= change.messages.length;
      }
      return { changes, joined, left, more };
    },
  };
}
