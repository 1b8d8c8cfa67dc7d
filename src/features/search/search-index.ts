/**
 * Keeps the terms behind the messages.
 *
 * What this instance stored or changed is noted after its commit, and some 250 ms later a job of
 * its own Bull queue writes the terms; without Redis, or when the queue does not answer, they are
 * written directly. What is noted has a bound: beyond it only the time is remembered from which on
 * something is missing, and it is found again in the messages (the walk). A durable mark tells up
 * to when this instance has everything; another one takes over the mark of an instance that is
 * gone. So a crash, an overload, and a database of before there was a search are one case.
 *
 * Each turn handles few messages, and then rests: for nine times as long while many messages come.
 * Sending is not slowed by more than that tenth, and the terms catch up when it is calmer.
 *
 * Known limit: while an instance is behind, its newest messages are found late.
 */
import type { Cluster } from '../../infra/cluster.ts';
import { TimeLimitError, withLimit } from '../../infra/lifecycle.ts';
import type { Logger } from '../../infra/logger.ts';
import { firstIdAt, idTime } from '../../infra/mongo.ts';
import type { InstanceQueue } from '../../infra/queue.ts';
import type { MessageService } from '../messages/messages.service.ts';
import type { MessageRecord } from '../messages/messages.store.ts';
import { createFrontier } from './frontier.ts';
import type { Mark, SearchStore, TermsRecord } from './search.store.ts';
import { termsOfMessage } from './terms.ts';

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

/** A turn; what it is about is in the memory of the only process that could do it. */
export interface SearchJob {
  turn: number;
}

/** From a note to its turn, at least; found within 2 s is what is promised. */
const DELAY_MS = 250;
const PER_TURN = 100;
const NOTES_MAX = 2_000;
/** So many a second are many; then turns take a tenth of the time, else half of it. */
const BUSY_PER_SECOND = 100;
const BUSY_SHARE = 0.1;
const CALM_SHARE = 0.5;
/** A job that has not begun by then is done directly, and the queue is left alone for a while. */
const BEGIN_MS = 1_000;
const QUEUE_PAUSE_MS = 5_000;
const RETRY_MS = 1_000;
/** Ids are made before their messages are stored, and clocks differ. */
const MARGIN_MS = 60_000;
/** How often the mark moves on, and the marks of others are looked at. */
const MARK_MS = 30_000;
/** By then an instance that starts knows the others by their heartbeats. */
const FIRST_LOOK_MS = 3_000;
/** An outcome that nobody knew is known by then: MongoDB's own limits are shorter. */
const OUTCOME_MS = 5_000;
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
  /** undefined: the application runs without Redis. */
  queue: () => Pick<InstanceQueue<SearchJob>, 'add'> | undefined;
  queueAvailable: () => boolean;
  clock: () => Date;
  log: Logger;
}) {
  const { store, cluster, log } = deps;
  const self = cluster.instanceId;
  let notes: Indexed[] = [];
  /** Ids of messages, and times of changes (milliseconds since 1970), that have to be found again. */
  const stored = createFrontier<string>();
  const changed = createFrontier<number>();
  /** Messages noted, dropped ones too, since the last turn; and when that was. */
  let arrived = 0;
  let countedSince = performance.now();
  let timer: NodeJS.Timeout | undefined;
  /** Under way; its job may begin it once. */
  let current: { turn: number; begin: () => void } | undefined;
  let turns = 0;
  let underWay: Promise<void> = Promise.resolve();
  let queuePausedUntil = 0;
  /** Who was not there at the last look. */
  let missing = new Set<string>();
  let looks: NodeJS.Timeout | undefined;
  const laterWalks = new Set<NodeJS.Timeout>();
  let closed = false;

  /** Messages and changes from a time on are looked for once more. */
  function walkFrom(time: Date): void {
    const from = Math.max(0, time.getTime() - MARGIN_MS);
    stored.miss(firstIdAt(new Date(from)));
    changed.miss(from);
    schedule(DELAY_MS);
  }

  function note(records: readonly Indexed[]): void {
    arrived += records.length;
    const room = NOTES_MAX - notes.length;
    if (records.length <= room) notes.push(...records);
    else for (const record of records) miss(record);
    schedule(DELAY_MS);
  }

  /** It is found again by the walk. */
  function miss({ _id, rev, updatedAt }: Indexed): void {
    if (rev > 0) changed.miss(updatedAt.getTime());
    else stored.miss(_id);
  }

  const isAbreast = (): boolean => stored.at() === undefined && changed.at() === undefined;
  const isIdle = (): boolean => notes.length === 0 && isAbreast();

  function schedule(ms: number): void {
    if (closed || timer !== undefined || current !== undefined || isIdle()) return;
    timer = setTimeout(() => {
      timer = undefined;
      underWay = turn();
    }, ms);
  }

  /** One turn, by the queue where it answers, and the rest after it. */
  async function turn(): Promise<void> {
    const number = ++turns;
    const startedAt = performance.now();
    const perSecond = arrived / Math.max(0.1, (startedAt - countedSince) / 1_000);
    arrived = 0;
    countedSince = startedAt;
    let took = 0;
    let rest = DELAY_MS;
    try {
      await viaQueue(number, async () => {
        const beganAt = performance.now();
        await work();
        took = performance.now() - beganAt;
      });
      const share = perSecond > BUSY_PER_SECOND ? BUSY_SHARE : CALM_SHARE;
      rest = took / share - took;
      // Single messages are written together.
      if (notes.length < PER_TURN && stored.at() === undefined) rest = Math.max(rest, DELAY_MS);
    } catch (error) {
      log.warn({ err: error }, 'terms of messages were not written; trying again');
      rest = RETRY_MS;
    } finally {
      current = undefined;
      schedule(rest);
    }
  }

  /** Runs the work once: when the job begins, or here when it does not. */
  async function viaQueue(number: number, run: () => Promise<void>): Promise<void> {
    const queue = deps.queue();
    let begun: Promise<void> | undefined;
    let onBegun: () => void = () => undefined;
    const waited = new Promise<void>((resolve) => {
      onBegun = resolve;
    });
    const begin = (): void => {
      begun ??= run();
      // Awaited below, or not at all when adding the job fails first.
      begun.catch(() => undefined);
      onBegun();
    };
    current = { turn: number, begin };
    if (queue !== undefined && deps.queueAvailable() && performance.now() >= queuePausedUntil) {
      try {
        await queue.add(self, { turn: number });
        await withLimit(waited, BEGIN_MS, 'a job of the search');
      } catch (error) {
        queuePausedUntil = performance.now() + QUEUE_PAUSE_MS;
        const reason = error instanceof TimeLimitError ? error.message : String(error);
        log.warn({ reason }, 'the queue of the search does not answer; writing terms directly');
      }
    }
    begin();
    await begun;
  }

  async function work(): Promise<void> {
    if (notes.length > 0) await writeNotes();
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
    const cushion = current === undefined ? 0 : MARGIN_MS;
    return new Date(Math.max(0, Math.min(...times) - cushion));
  }

  /** Moves the mark on, and takes over those of instances that are gone. */
  async function look(): Promise<void> {
    await store.setMark({ instanceId: self, at: markNow() });
    const there = new Set([self, ...cluster.peers()]);
    const gone = (await store.marks()).filter(({ instanceId }) => !there.has(instanceId));
    const before = missing;
    missing = new Set(gone.map(({ instanceId }) => instanceId));
    for (const mark of gone) {
      // One that just starts is known by the next look.
      if (before.has(mark.instanceId)) await takeOver(mark);
    }
  }

  async function takeOver(mark: Mark): Promise<void> {
    if (cluster.ownerOf(mark.instanceId) !== self) return;
    log.info({ instance: mark.instanceId, since: mark.at }, 'terms of messages are looked through');
    walkFrom(mark.at);
    // The own mark first: when this instance dies, too, the next one takes over both.
    await store.setMark({ instanceId: self, at: markNow() }, true);
    await store.removeMark(mark);
  }

  function lookSoon(ms: number): void {
    if (closed) return;
    clearTimeout(looks);
    looks = setTimeout(() => {
      look()
        .catch((error: unknown) => log.warn({ err: error }, 'the mark of the search stays'))
        .finally(() => lookSoon(missing.size > 0 ? FIRST_LOOK_MS : MARK_MS));
    }, ms);
  }

  cluster.onLeave((peer) => {
    missing.add(peer);
    lookSoon(0);
  });

  return {
    /** Messages that were stored or changed here, after the commit. */
    note,
    /** Nobody knows what was stored of the last seconds: it is looked for when it is settled. */
    lookAgain: (): void => {
      const since = deps.clock();
      const later = setTimeout(() => {
        laterWalks.delete(later);
        walkFrom(since);
      }, OUTCOME_MS);
      laterWalks.add(later);
    },
    /** A job of the own queue. */
    process: async ({ turn: number }: SearchJob): Promise<void> => {
      // Of before: it was done directly meanwhile.
      if (current?.turn !== number) return;
      current.begin();
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
    /** Sets the first mark; older messages without terms are walked through from now on. */
    start: async (): Promise<void> => {
      const isNew = !(await store.isComplete());
      if (isNew) walkFrom(new Date(0));
      await store.setMark({ instanceId: self, at: markNow() }, true);
      // Behind the mark: an instance that ends in between leaves it to the next one.
      if (isNew) await store.claimCompleteness();
      missing = new Set((await store.marks()).map(({ instanceId }) => instanceId));
      lookSoon(FIRST_LOOK_MS);
    },
    /** Writes what is noted, for 5 s at most; what is left is found by the mark. */
    close: async (): Promise<void> => {
      closed = true;
      clearTimeout(timer);
      clearTimeout(looks);
      for (const later of laterWalks) clearTimeout(later);
      const isUnsettled = laterWalks.size > 0;
      const began = performance.now();
      await underWay;
      const isDue = (ms: number): boolean => performance.now() - began < ms;
      while (notes.length > 0 && isDue(CLOSE_MS)) await writeNotes();
      // What little has to be found again need not be left to others.
      while (!isIdle() && isDue(CLOSE_WALK_MS)) await work();
      const at = new Date(markNow().getTime() - (isUnsettled ? MARGIN_MS : 0));
      await store.setMark({ instanceId: self, at }, true);
      // Nothing is missing, so nobody has to take it over.
      if (isIdle() && !isUnsettled) await store.removeMark({ instanceId: self, at });
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
