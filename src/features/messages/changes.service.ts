/**
 * Changing stored messages: edits, deletions, reactions.
 *
 * Each change has the next `rev` of its conversation, by which `sync` brings it to who missed
 * it. The message and the conversation's `rev` are written in one transaction. A counter that is
 * raised first and used later would let a reader in between pass a change by; and a message that
 * is written first could be told to nobody, when the process dies before the head says so.
 *
 * What is asked for at the same time in one conversation is one transaction, so that those of one
 * instance do not run into each other; those of several instances do, and are tried again.
 */
import { AppError, notFound, toAppError, unavailable } from '../../errors.ts';
import type { Bus } from '../../infra/bus.ts';
import type { Logger } from '../../infra/logger.ts';
import { createMicroBatcher, type MicroBatcher } from '../../infra/micro-batcher.ts';
import type { Transact, Transaction } from '../../infra/mongo.ts';
import type { ServerToClientEvents } from '../../protocol/events.ts';
import type { Message } from '../../protocol/types.ts';
import type { Fanout } from '../../realtime/fanout.ts';
import { groupRoom, userRoom } from '../../realtime/rooms.ts';
import type { Caller } from '../../transport/operation.ts';
import type { AttachmentService } from '../attachments/attachments.service.ts';
import { directPartners } from '../conversations/conversation-id.ts';
import type { ConversationService } from '../conversations/conversations.service.ts';
import { changed, type MessageChange } from './message-change.ts';
import { presentMessage } from './messages.present.ts';
import type { MessageRecord, MessageStore } from './messages.store.ts';

/** The promise: everything is answered within 5 s. */
const ANSWER_MS = 4_700;
const MAX_BATCH = 100;
/** In one conversation; beyond it a client is told to wait. */
const MAX_WAITING = 1_000;
const UNKNOWN = 'The change could not be confirmed. Please try again.';

type Wanted =
  | { kind: 'edit'; text: string }
  | { kind: 'delete' }
  | { kind: 'react'; emoji: string; active: boolean };

interface Item {
  messageId: string;
  change: MessageChange;
}

/** A message before and after what was done to it at once. */
interface Changed {
  before: MessageRecord;
  after: MessageRecord;
}

export type ChangeService = ReturnType<typeof createChangeService>;

export function createChangeService(deps: {
  store: Pick<MessageStore, 'find' | 'findMany' | 'replace' | 'noteChanged'>;
  conversations: Pick<ConversationService, 'authorize' | 'raiseRev' | 'revHeard' | 'membersSince'>;
  attachments: Pick<AttachmentService, 'remove'>;
  transact: Transact;
  fanout: Pick<Fanout, 'emit'>;
  bus: Pick<Bus, 'publish' | 'on'>;
  /** Whether there are other instances to tell. */
  tellsOthers: () => boolean;
  clock: () => Date;
  log: Logger;
}) {
  const { store, conversations, fanout } = deps;
  /** By conversation, while something is under way there. */
  const lanes = new Map<string, MicroBatcher<Item, Message>>();

  /** Readers of this instance see the messages as they are now. */
  function note(messages: Message[]): void {
    for (const message of messages) {
      conversations.revHeard(message.conversationId, message.rev);
      store.noteChanged(message);
    }
  }
  deps.bus.on<Message[]>('messages.changed', note);

  async function write(
    conversationId: string,
    items: Item[],
    transaction: Transaction,
  ): Promise<{ outcomes: (MessageRecord | AppError)[]; all: Changed[] }> {
    const ids = [...new Set(items.map(({ messageId }) => messageId))];
    const found = await store.findMany(ids, transaction);
    const before = new Map(found.map((record) => [record._id, record]));
    const after = new Map(before);
    const now = deps.clock();
    const refused = items.map(({ messageId, change }): AppError | undefined => {
      const record = after.get(messageId);
      const outcome =
        record === undefined ? notFound('This message') : changed(record, change, now);
      if (outcome instanceof AppError) return outcome;
      after.set(messageId, outcome);
      return undefined;
    });
    const differing = [...after].filter(([id, record]) => before.get(id) !== record);
    const last =
      differing.length === 0
        ? 0
        : await conversations.raiseRev(conversationId, differing.length, transaction);
    // Its last member left meanwhile, and took it along.
    if (last === undefined) throw notFound('This conversation');
    const all = differing.map(([id, record], index): Changed => {
      const numbered = { ...record, rev: last - differing.length + 1 + index };
      after.set(id, numbered);
      return { before: before.get(id) ?? numbered, after: numbered };
    });
    if (all.length > 0)
      await store.replace(
        all.map(({ after: record }) => record),
        transaction,
      );
    const outcomes = items.map(
      ({ messageId }, index) => refused[index] ?? after.get(messageId) ?? notFound('This message'),
    );
    return { outcomes, all };
  }

  async function run(conversationId: string, items: Item[]): Promise<(Message | AppError)[]> {
    try {
      const { outcomes, all } = await deps.transact((transaction) =>
        write(conversationId, items, transaction),
      );
      if (all.length > 0) await tell(conversationId, all);
      return outcomes.map((one) => (one instanceof AppError ? one : presentMessage(one)));
    } catch (error) {
      const known = toAppError(error);
      if (known.status < 500) return items.map(() => known);
      const context = { err: error, conversationId, changes: items.length };
      deps.log.error(
        context,
        'messages were not changed, or not told; who asked was told to try again',
      );
      return items.map(() => (known.code === 'unavailable' ? known : unavailable(UNKNOWN, error)));
    }
  }

  async function tell(conversationId: string, all: Changed[]): Promise<void> {
    const messages = all.map(({ after }) => presentMessage(after));
    note(messages);
    if (deps.tellsOthers()) deps.bus.publish('messages.changed', messages);
    for (const { before, after } of all) if (after.deletedAt !== undefined) removeFiles(before);
    const partners = directPartners(conversationId);
    const rooms = partners?.map(userRoom) ?? [groupRoom(conversationId)];
    // Committed it is: when this fails, `sync` brings it a few seconds later.
    const strangers = partners === undefined ? await strangersTo(conversationId, messages) : [];
    for (const [index, message] of messages.entries()) {
      const except = strangers
        .filter(({ fromSeq }) => message.seq <= fromSeq)
        .map(({ userId }) => userRoom(userId));
      fanout.emit({ rooms, except }, eventOf(all[index]), message);
    }
  }

  /** Members who joined later, to a group that hides from them what was before. */
  const strangersTo = (conversationId: string, messages: Message[]) =>
    conversations.membersSince(conversationId, Math.min(...messages.map(({ seq }) => seq)));

  function removeFiles({ _id, attachments = [] }: MessageRecord): void {
    for (const attachment of attachments) {
      deps.attachments.remove(attachment._id).catch((error: unknown) => {
        const context = { err: error, messageId: _id, attachmentId: attachment._id };
        deps.log.error(context, 'a file of a deleted message could not be removed');
      });
    }
  }

  function laneOf(conversationId: string): MicroBatcher<Item, Message> {
    const known = lanes.get(conversationId);
    if (known !== undefined) return known;
    const lane = createMicroBatcher<Item, Message>({
      run: (items) => run(conversationId, items),
      maxBatch: MAX_BATCH,
      splitFrom: Infinity,
      maxWaiting: MAX_WAITING,
      deadlineMs: ANSWER_MS,
    });
    lanes.set(conversationId, lane);
    return lane;
  }

  return {
    /**
     * Changes a message; resolves with it as it is after the commit, also when it was so before.
     * @throws AppError not_found, forbidden, invalid_input, too_many_reactions, unavailable
     */
    change: async (caller: Caller, messageId: string, wanted: Wanted): Promise<Message> => {
      const { userId } = caller;
      const record = await store.find(messageId);
      if (record === null) throw notFound('This message');
      const { conversationId, seq } = record;
      const { role, fromSeq } = await conversations.authorize(userId, conversationId);
      if (seq <= fromSeq) throw notFound('This message');
      const change: MessageChange =
        wanted.kind === 'delete'
          ? { ...wanted, userId, mayDeleteAny: role === 'admin' }
          : { ...wanted, userId };
      const lane = laneOf(conversationId);
      const withinMs = Math.max(1, ANSWER_MS - (performance.now() - caller.arrivedAt));
      try {
        return await lane.submit(conversationId, { messageId, change }, withinMs);
      } finally {
        if (lane.size() === 0) lanes.delete(conversationId);
      }
    },
  };
}

function eventOf(one: Changed | undefined): keyof ServerToClientEvents & `message${string}` {
  if (one?.after.deletedAt !== undefined) return 'messageDeleted';
  return one?.before.text === one?.after.text ? 'messageReaction' : 'messageUpdated';
}
