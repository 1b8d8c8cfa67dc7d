/**
 * Keeps the terms behind the messages.
 *
 * What this instance stored or changed is noted after its commit, and some 250 ms later a job of
 * its own Bull queue writes the terms; without Redis, or when the queue does not answer, they are
 * written directly. What is noted has a bound: beyond it only the time is remembered from which on
 * something is missing, and it is found again in the messages (the walk). A durable mark (marks.ts)
 * tells up to when this instance has everything. So a crash, an overload, and a database of before
 * there was a search are one case.
 *
 * Each turn handles few messages, and then rests: for nine times as long while many messages come.
 * Sending is not slowed by more than that tenth, and the terms catch up when it is calmer.
 *
 * Known limit: while an instance is behind, its newest messages are found late.
 */
import type { Cluster } from '../../infra/cluster.ts';
import type { Logger } from '../../infra/logger.ts';
import { firstIdAt, idTime } from '../../infra/mongo.ts';
import type { QueuedWork } from '../../infra/queued-work.ts';
import type { MessageService } from '../messages/messages.service.ts';
import type { MessageRecord } from '../messages/messages.store.ts';
import { createFrontier } from './frontier.ts';
import { createMarks } from './marks.ts';
import type { SearchStore, TermsRecord } from './search.store.ts';
import { termsOfMessage } from './terms.ts';
import { createTurns } from './turns.ts';

/** What the terms of a message follow from. */
export type Indexed = Pick<
  MessageRecord,
  | '_id'
  | 'conversationId'
  | 'seq'
  | 'senderId'
  | 'text'
  | 'attachments'
  | 'rev'
  | 'deletedAt'
  | 'updatedAt'
>;

/** From a note to its turn, at least; found within 2 s is what is promised. */
const DELAY_MS = 250;
const PER_TURN = 100;
/** So often a turn is for what has to be found again, whatever else there is. */
const WALK_EVERY = 5;
const NOTES_MAX = 2_000;
/** So many a second are many; then turns take a tenth of the time, else half of it. */
const BUSY_PER_SECOND = 100;
const BUSY_SHARE = 0.1;
const CALM_SHARE = 0.5;
/** Ids are made before their messages are stored, and clocks differ. */
const MARGIN_MS = 60_000;
/** An outcome that nobody knew is known by then: MongoDB's own limits are shorter. */
const OUTCOME_MS = 6_000;
const LOOK_AGAIN_MS = 1_000;
const CLOSE_MS = 5_000;
const CLOSE_WALK_MS = 1_000;

export type SearchIndex = ReturnType<typeof createSearchIndex>;

export function createSearchIndex(deps: {
  store: Pick<
    SearchStore,
    | 'insert'
    | 'replace'
    | 'revs'
    | 'removeConversation'
    | 'claimCompleteness'
    | 'isComplete'
    | 'setMark'
    | 'marks'
    | 'removeMark'
  >;
  messages: Pick<MessageService, 'storedFrom' | 'changedFrom'>;
  cluster: Pick<Cluster, 'instanceId' | 'peers' | 'ownerOf' | 'onLeave'>;
  queuedWork: Pick<QueuedWork, 'run'>;
  clock: () => Date;
  log: Logger;
}) {
  const { store, cluster, log } = deps;

  let notes: Indexed[] = [];
  /** Ids of messages, and times of changes (milliseconds since 1970), that have to be found again. */
  const stored = createFrontier<string>();
  const changed = createFrontier<number>();
  /** Messages noted, dropped ones too, since the last turn; and when that was. */
  let arrived = 0;
  let countedSince = performance.now();
  const laterWalks = new Set<NodeJS.Timeout>();
  let lookedAgainAt = Number.NEGATIVE_INFINITY;

  /** Messages and changes from a time on are looked for once more. */
  function walkFrom(time: Date): void {
    const from = Math.max(0, time.getTime() - MARGIN_MS);
    stored.miss(firstIdAt(new Date(from)));
    changed.miss(from);
    turns.wake();
  }

  function note(records: readonly Indexed[]): void {
    arrived += records.length;
    const room = NOTES_MAX - notes.length;
    if (records.length <= room) notes.push(...records);
    else for (const record of records) miss(record);
    turns.wake();
  }

  /** It is found again by the walk. */
  function miss({ _id, rev, updatedAt }: Indexed): void {
    if (rev > 0) changed.miss(updatedAt.getTime());
    else stored.miss(_id);
  }

  const isAbreast = (): boolean => stored.at() === undefined && changed.at() === undefined;
  const isIdle = (): boolean => notes.length === 0 && isAbreast();

  const turns = createTurns({
    queuedWork: deps.queuedWork,
    log,
    work: async () => {
      await work();
      // Single messages are written together.
      return notes.length < PER_TURN && stored.at() === undefined ? DELAY_MS : 0;
    },
    share: () => {
      const now = performance.now();
      const perSecond = arrived / Math.max(0.1, (now - countedSince) / 1_000);
      [arrived, countedSince] = [0, now];
      return perSecond > BUSY_PER_SECOND ? BUSY_SHARE : CALM_SHARE;
    },
    isIdle,
    delayMs: DELAY_MS,
  });

  let turnsTaken = 0;
  async function work(): Promise<void> {
    // What came just now goes first, but does not keep what is older waiting for ever.
    const isWalksTurn = !isAbreast() && ++turnsTaken % WALK_EVERY === 0;
    if (notes.length > 0 && !isWalksTurn) await writeNotes();
    else if (changed.at() !== undefined) await walkChanges();
    else await walkMessages();
  }

  async function writeNotes(): Promise<void> {
    const some = notes.slice(0, PER_TURN);
    notes = notes.slice(PER_TURN);
    try {
      await store.insert(some.filter(({ rev }) => rev === 0).map(toTerms));
      await store.replace(newestOfEach(some.filter(({ rev }) => rev > 0)).map(toTerms));
    } catch (error) {
      for (const record of some) miss(record);
      throw error;
    }
  }

  async function walkMessages(): Promise<void> {
    const from = stored.begin();
    if (from === undefined) return;
    const found = await deps.messages.storedFrom(from, PER_TURN);
    await writeMissing(found);
    const last = found.at(-1);
    // The next id of all is greater than this one with a further digit.
    stored.moveTo(found.length < PER_TURN || last === undefined ? undefined : `${last._id}0`);
  }

  async function walkChanges(): Promise<void> {
    const from = changed.begin();
    if (from === undefined) return;
    const found = await deps.messages.changedFrom(new Date(from), PER_TURN);
    await writeMissing(found);
    const last = found.at(-1);
    // Of one millisecond there are never more changes than in one turn.
    const next = last === undefined ? undefined : Math.max(last.updatedAt.getTime(), from + 1);
    changed.moveTo(found.length < PER_TURN ? undefined : next);
  }

  async function writeMissing(records: Indexed[]): Promise<void> {
    const revs = await store.revs(records.map(({ _id }) => _id));
    await store.insert(records.filter(({ _id }) => !revs.has(_id)).map(toTerms));
    await store.replace(
      records.filter(({ _id, rev }) => (revs.get(_id) ?? rev) < rev).map(toTerms),
    );
  }

  /** Before it everything that this instance stored has its terms. */
  function markNow(): Date {
    const times = [
      deps.clock().getTime(),
      ...[stored.at()].flatMap((id) => (id === undefined ? [] : [idTime(id).getTime()])),
      ...[changed.at()].flatMap((time) => time ?? []),
      ...notes.map(({ _id, rev, updatedAt }) => (rev > 0 ? updatedAt : idTime(_id)).getTime()),
    ];
    // What is being written now is not among the notes, and none of it is older than this.
    const cushion = turns.isUnderWay() ? MARGIN_MS : 0;
    return new Date(Math.max(0, Math.min(...times) - cushion));
  }

  const marks = createMarks({ store, cluster, now: markNow, walkFrom, log });

  return {
    /** Messages that were stored or changed here, after the commit. */
    note,
    /** Nobody knows what was stored of the last seconds: it is looked for when it is settled. */
    lookAgain: (): void => {
      // While MongoDB is away this is said with every batch.
      if (performance.now() - lookedAgainAt < LOOK_AGAIN_MS) return;
      lookedAgainAt = performance.now();
      const since = deps.clock();
      const later = setTimeout(() => {
        laterWalks.delete(later);
        walkFrom(since);
      }, OUTCOME_MS);
      laterWalks.add(later);
    },
    /** A conversation is gone with its messages. */
    removeConversation: async (conversationId: string): Promise<void> => {
      notes = notes.filter((one) => one.conversationId !== conversationId);
      await store.removeConversation(conversationId);
    },
    /** Messages that wait for their terms, those apart that have to be found again. */
    pending: (): number => notes.length,
    /** Seconds back to the oldest message that has to be found again; 0: there is none. */
    behindSeconds: (): number =>
      isAbreast() ? 0 : Math.max(0, (deps.clock().getTime() - markNow().getTime()) / 1_000),
    start: marks.start,
    /** Writes what is noted, for 5 s at most; what is left is found by the mark. */
    close: async (): Promise<void> => {
      for (const later of laterWalks) clearTimeout(later);
      await marks.stop();
      const isUnsettled = laterWalks.size > 0;
      const began = performance.now();
      await turns.stop();
      const isDue = (ms: number): boolean => performance.now() - began < ms;
      while (notes.length > 0 && isDue(CLOSE_MS)) await writeNotes();
      // What little has to be found again need not be left to others.
      while (!isIdle() && isDue(CLOSE_WALK_MS)) await work();
      const at = new Date(markNow().getTime() - (isUnsettled ? MARGIN_MS : 0));
      await marks.leave(isIdle() && !isUnsettled ? undefined : at);
    },
  };
}

/** A message as it is found. */
export const toTerms = (message: Indexed): TermsRecord => ({
  _id: message._id,
  c: message.conversationId,
  s: message.seq,
  r: message.rev,
  t: termsOfMessage(message),
});

/** Of several changes of one message the last. */
function newestOfEach(records: Indexed[]): Indexed[] {
  const newest = new Map<string, Indexed>();
  for (const record of records) {
    if (record.rev > (newest.get(record._id)?.rev ?? 0)) newest.set(record._id, record);
  }
  return [...newest.values()];
}
