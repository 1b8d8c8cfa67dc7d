/**
 * Changing stored messages: edits, deletions, reactions.
 *
 * Each change has the next `rev` of its conversation, by which `sync` brings it to who missed
 * it. It is one update of one message, which takes the last rev that is stored and one more, if
 * the message still is what it was: the unique index (conversation, rev) is the only authority,
 * so revs become visible in their order, and no reader can pass one by. The head follows, as it
 * does for messages (conversations/heads.ts, head-recovery.ts).
 *
 * What is asked for in one conversation waits in one lane, so that changes of one instance do not
 * run into each other; those of two instances do, and one of them tries again.
 */
import { AppError, notFound, toAppError, unavailable } from '../../errors.ts';
import type { Bus } from '../../infra/bus.ts';
import { withLimit } from '../../infra/lifecycle.ts';
import type { Logger } from '../../infra/logger.ts';
import { createMicroBatcher, type MicroBatcher } from '../../infra/micro-batcher.ts';
import type { ServerToClientEvents } from '../../protocol/events.ts';
import type { Message } from '../../protocol/types.ts';
import type { Fanout } from '../../realtime/fanout.ts';
import { groupRoom, userRoom } from '../../realtime/rooms.ts';
import type { Caller } from '../../transport/operation.ts';
import type { AttachmentService } from '../attachments/attachments.service.ts';
import { directPartners } from '../conversations/conversation-id.ts';
import type { ConversationService } from '../conversations/conversations.service.ts';
import { mentionsOf } from './mentions.ts';
import { changed, type MessageChange } from './message-change.ts';
import { presentMessage } from './messages.present.ts';
import type { MessageRecord, MessageStore } from './messages.store.ts';
import { headsOf } from './persist-batch.ts';
import { createTurns } from './turns.ts';

/** The promise: everything is answered within 5 s, of which asking beforehand may take half. */
const ANSWER_MS = 4_700;
const PREPARE_MS = 2_500;
/** Others wrote in between so often that the rest is told to try again. */
const GIVE_UP_MS = 3_000;
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
  userId: string;
  wanted: Wanted;
}

/** A message before and after what was done to it at once. */
interface Changed {
  before: MessageRecord;
  after: MessageRecord;
}

/** What became of items, and the messages that differ by it. */
interface Outcome {
  outcomes: (MessageRecord | AppError)[];
  all: Changed[];
}

export type ChangeService = ReturnType<typeof createChangeService>;

export function createChangeService(deps: {
  store: Pick<
    MessageStore,
    'find' | 'lastRev' | 'replace' | 'forgetFiles' | 'deletedWithFiles' | 'noteChanged'
  >;
  conversations: Pick<
    ConversationService,
    'authorize' | 'rememberHeads' | 'advanceRev' | 'revHeard' | 'membersSince' | 'membersAmong'
  >;
  attachments: Pick<AttachmentService, 'remove'>;
  fanout: Pick<Fanout, 'emit'>;
  bus: Pick<Bus, 'publish' | 'on'>;
  /** Whether there are other instances to tell. */
  tellsOthers: () => boolean;
  /** Told of every message whose text or files differ by what was done to it here. */
  onChanged: (record: MessageRecord) => void;
  /** Called when nobody knows what of a change was stored, and so where conversations stand. */
  onUnknownOutcome: () => void;
  clock: () => Date;
  log: Logger;
}) {
  const { store, conversations, fanout } = deps;
  /** By conversation, while something is under way there. */
  const lanes = new Map<string, MicroBatcher<Item, Message>>();
  const turns = createTurns();
  let pending = 0;
  let onDrained: (() => void)[] = [];

  deps.bus.on<Message[]>('messages.changed', (messages) => {
    for (const message of messages) {
      conversations.revHeard(message.conversationId, message.rev);
      store.noteChanged(message);
    }
  });

  /** @throws AppError not_found, in the same words whether it exists or not */
  async function access(userId: string, { conversationId, seq }: MessageRecord) {
    const found = await conversations.authorize(userId, conversationId).catch((error: unknown) => {
      throw toAppError(error).code === 'not_found' ? notFound('This message') : error;
    });
    if (seq <= found.fromSeq) throw notFound('This message');
    return found;
  }

  /**
   * What a message becomes by several wishes, one after the other. Who may is asked here, right
   * before it is written: they may have left while they waited.
   */
  async function apply(
    record: MessageRecord,
    items: Item[],
  ): Promise<{ after: MessageRecord; refused: (AppError | undefined)[] }> {
    let after = record;
    const refused: (AppError | undefined)[] = [];
    for (const { userId, wanted } of items) {
      try {
        const { role } = await access(userId, record);
        const change = await changeOf(after, wanted, { userId, role });
        const outcome = changed(after, change, deps.clock());
        if (outcome instanceof AppError) refused.push(outcome);
        else {
          after = outcome;
          refused.push(undefined);
        }
      } catch (error) {
        if (toAppError(error).status >= 500) throw error;
        refused.push(toAppError(error));
      }
    }
    return { after, refused };
  }

  async function changeOf(
    { conversationId, mentions }: MessageRecord,
    wanted: Wanted,
    { userId, role }: { userId: string; role: 'admin' | 'member' },
  ): Promise<MessageChange> {
    if (wanted.kind === 'react') return { ...wanted, userId };
    if (wanted.kind === 'delete') return { ...wanted, userId, mayDeleteAny: role === 'admin' };
    const named = await mentionsOf(wanted.text, conversationId, conversations, mentions);
    return { ...wanted, userId, mentions: named };
  }

  /** Everything that is wanted of one message, as one change of it. */
  async function write(conversationId: string, messageId: string, items: Item[]): Promise<Outcome> {
    const giveUpAt = performance.now() + GIVE_UP_MS;
    while (performance.now() < giveUpAt) {
      const before = await store.find(messageId);
      if (before === null) return { outcomes: items.map(() => notFound('This message')), all: [] };
      const { after, refused } = await apply(before, items);
      const isSame = after === before;
      const rev = isSame ? before.rev : (await store.lastRev(conversationId)) + 1;
      const numbered = isSame ? before : { ...after, rev };
      if (!isSame && !(await store.replace(before, numbered))) continue;
      // Also of what was so before: whoever wrote it may have ended before its head was written.
      if (rev > 0) {
        // This instance may not have heard of the message yet, and answers for it now.
        conversations.rememberHeads(headsOf([before]));
        conversations.advanceRev(conversationId, rev);
      }
      const outcomes = refused.map((refusal) => refusal ?? numbered);
      return { outcomes, all: isSame ? [] : [{ before, after: numbered }] };
    }
    throw unavailable('The conversation is too busy at the moment. Please try again.');
  }

  async function run(conversationId: string, items: Item[]): Promise<(Message | AppError)[]> {
    const results = new Map<Item, Message | AppError>();
    const byMessage = new Map<string, Item[]>();
    for (const item of items) {
      const known = byMessage.get(item.messageId);
      if (known === undefined) byMessage.set(item.messageId, [item]);
      else known.push(item);
    }
    const all: Changed[] = [];
    try {
      for (const [messageId, its] of byMessage) {
        const written = await write(conversationId, messageId, its);
        all.push(...written.all);
        for (const one of written.all) if (isOfContent(one)) deps.onChanged(one.after);
        const record = written.outcomes.find(
          (one): one is MessageRecord => !(one instanceof AppError),
        );
        // Before it is answered: whoever asks again after a failure does the rest.
        if (record !== undefined) await finish(record);
        for (const [index, item] of its.entries()) {
          const outcome = written.outcomes[index] ?? notFound('This message');
          results.set(item, outcome instanceof AppError ? outcome : presentMessage(outcome));
        }
      }
    } catch (error) {
      deps.onUnknownOutcome();
      const context = { err: error, conversationId, changes: items.length };
      deps.log.error(context, 'messages were not changed; who asked was told to try again');
      for (const item of items)
        if (!results.has(item)) results.set(item, unavailable(UNKNOWN, error));
    }
    await tell(conversationId, all);
    return items.map((item) => results.get(item) ?? unavailable(UNKNOWN));
  }

  /** Readers of this instance see it as it is, and of a deleted one the files are gone. */
  async function finish(record: MessageRecord): Promise<void> {
    store.noteChanged(presentMessage(record));
    if (record.deletedAt !== undefined) await removeFiles(record);
  }

  async function removeFiles({ _id, attachments }: MessageRecord): Promise<void> {
    if (attachments === undefined) return;
    for (const attachment of attachments) await deps.attachments.remove(attachment._id);
    await store.forgetFiles(_id);
  }

  async function tell(conversationId: string, all: Changed[]): Promise<void> {
    if (all.length === 0) return;
    const messages = all.map(({ after }) => presentMessage(after));
    if (deps.tellsOthers()) deps.bus.publish('messages.changed', messages);
    const partners = directPartners(conversationId);
    const rooms = partners?.map(userRoom) ?? [groupRoom(conversationId)];
    try {
      const strangers = partners === undefined ? await strangersTo(conversationId, messages) : [];
      for (const [index, message] of messages.entries()) {
        const except = strangers
          .filter(({ fromSeq }) => message.seq <= fromSeq)
          .map(({ userId }) => userRoom(userId));
        fanout.emit({ rooms, except }, eventOf(all[index]), message);
      }
    } catch (error) {
      const context = { err: error, conversationId, changes: all.length };
      deps.log.warn(context, 'changes were stored and not told at once; clients ask for them');
    }
  }

  /** Members who joined later, to a group that hides from them what was before. */
  const strangersTo = (conversationId: string, messages: Message[]) =>
    conversations.membersSince(conversationId, Math.min(...messages.map(({ seq }) => seq)));

  function laneOf(conversationId: string): MicroBatcher<Item, Message> {
    const known = lanes.get(conversationId);
    if (known !== undefined) return known;
    const lane: MicroBatcher<Item, Message> = createMicroBatcher<Item, Message>({
      run: (items) => run(conversationId, items).finally(tidy),
      maxBatch: MAX_BATCH,
      splitFrom: Infinity,
      maxWaiting: MAX_WAITING,
      deadlineMs: ANSWER_MS,
    });
    /** After the batch was answered, and when nothing came behind it. */
    function tidy(): void {
      setImmediate(() => {
        if (lane.size() === 0 && lanes.get(conversationId) === lane) lanes.delete(conversationId);
      });
    }
    lanes.set(conversationId, lane);
    return lane;
  }

  /** The whole way has one limit, from the arrival of the request on. */
  const left = (caller: Caller, ms: number): number =>
    Math.max(1, ms - (performance.now() - caller.arrivedAt));

  /** Finds the message, and gets in line behind what came before: resolves with the answer to come. */
  async function accept(
    caller: Caller,
    messageId: string,
    wanted: Wanted,
  ): Promise<{ answer: Promise<Message> }> {
    const find = async () => {
      const record = await store.find(messageId);
      if (record === null) throw notFound('This message');
      await access(caller.userId, record);
      return record.conversationId;
    };
    const limit = left(caller, PREPARE_MS);
    const conversationId = await withLimit(find(), limit, 'asking who may change a message');
    const lane = laneOf(conversationId);
    const item = { messageId, userId: caller.userId, wanted };
    const answer = lane.submit(conversationId, item, left(caller, ANSWER_MS));
    // Awaited by who asked, but not before the next one had its turn.
    answer.catch(() => undefined);
    return { answer };
  }

  return {
    /**
     * Changes a message; resolves with it as it is after the commit, also when it was so before.
     * @throws AppError not_found, forbidden, invalid_input, too_many_reactions, unavailable
     */
    change: async (caller: Caller, messageId: string, wanted: Wanted): Promise<Message> => {
      pending++;
      try {
        const acceptNow = () => accept(caller, messageId, wanted);
        const { answer } = await (caller.transport === 'socket' && caller.socketId !== undefined
          ? turns.take(caller.socketId, acceptNow)
          : acceptNow());
        return await answer;
      } catch (error) {
        const known = toAppError(error);
        throw known.status < 500 ? known : unavailable(UNKNOWN, error);
      } finally {
        if (--pending === 0) {
          for (const resolve of onDrained) resolve();
          onDrained = [];
        }
      }
    },
    /**
     * Removes the files of messages deleted since, which an instance that died may have left.
     * Never rejects.
     */
    finishDeletions: async (since: Date): Promise<void> => {
      try {
        for (const record of await store.deletedWithFiles(since)) await removeFiles(record);
      } catch (error) {
        deps.log.error({ err: error, since }, 'files of deleted messages could not be removed');
      }
    },
    /** Resolves when nothing is under way. */
    drained: (): Promise<void> =>
      pending === 0 ? Promise.resolve() : new Promise((resolve) => onDrained.push(resolve)),
  };
}

/** Not by a reaction alone. */
const isOfContent = ({ before, after }: Changed): boolean =>
  before.text !== after.text || before.deletedAt !== after.deletedAt;

function eventOf(one: Changed | undefined): keyof ServerToClientEvents & `message${string}` {
  if (one?.after.deletedAt !== undefined) return 'messageDeleted';
  return one?.before.text === one?.after.text ? 'messageReaction' : 'messageUpdated';
}
