/**
 * A message's way from "accepted" to "stored and told".
 *
 *   submit -> lane of the conversation's owner -> micro-batch
 *     Redis up:   one Bull job in the owner's queue -> owner writes and delivers -> result back
 *     otherwise:  this instance writes and delivers itself, by the same function
 *
 * The origin stays responsible: without a result within a second (and unless the job has begun
 * in its own process) it writes the batch itself,
 * with the same ids, finds what the owner may have stored already, delivers it once more to
 * clients that deduplicate, and answers. A job that nobody waits for any more is dropped.
 *
 * Results return by a map in the process when this instance is the owner, else over the bus.
 */
import { AppError, toAppError, unavailable } from '../../errors.ts';
import type { Bus } from '../../infra/bus.ts';
import type { Cluster } from '../../infra/cluster.ts';
import { TimeLimitError } from '../../infra/lifecycle.ts';
import type { Logger } from '../../infra/logger.ts';
import { createMicroBatcher, type MicroBatcher } from '../../infra/micro-batcher.ts';
import type { InstanceQueue } from '../../infra/queues.ts';
import type { FieldError, ProblemCode } from '../../protocol/problems.ts';
import type { Message } from '../../protocol/types.ts';
import type { HeadAdvance } from '../conversations/conversations.store.ts';
import type { Deliver } from './delivery.ts';
import { presentMessage } from './messages.present.ts';
import type { MessagePlace } from './messages.store.ts';
import { headsOf, type MessageDraft, type PersistBatch, type Persisted } from './persist-batch.ts';

/** A stored message as its sender is answered. */
export interface Stored {
  message: Message;
  /** False when the same clientId was stored before. */
  created: boolean;
}

/** A batch on its way to the owner. */
export interface MessageJob {
  batchId: string;
  originId: string;
  /** Milliseconds since 1970; after it nobody waits for the result. */
  deadline: number;
  /**
   * Absent when the owner is the origin. It has them in memory, and without it nobody waits for
   * them; so they need not be written to Redis and read back.
   */
  drafts?: MessageDraft[];
}

type Outcome = Stored | { refused: ProblemCode; detail: string; errors?: FieldError[] };
interface Results {
  batchId: string;
  outcomes: Outcome[];
}

interface Delivery {
  message: Message;
  draft: MessageDraft;
  repeated: boolean;
}

/** A batch whose result this instance waits for. */
interface Awaited {
  batchId: string;
  drafts: MessageDraft[];
  resolve(results: Results): void;
  /** The job began in this very process: its result is certain, so nothing gives it up any more. */
  began(): void;
  giveUp(reason: string): void;
}

export interface Pipeline {
  /** Resolves after the commit, or rejects within the time given. @throws AppError unavailable, client_id_reused */
  submit(draft: MessageDraft, withinMs: number): Promise<Stored>;
  /** Consumes a job of this instance's queue. */
  process(job: MessageJob): Promise<void>;
  /** Redis went away: what is in a queue and has not begun here is written directly, at once. */
  queueLost(): void;
  /** Redis is back; the queues are used again when the other instances know it, too. */
  queueReturned(): void;
  /** Messages accepted and not yet answered. */
  pending(): number;
  /** Resolves when nothing is pending. */
  drained(): Promise<void>;
}

const NOT_STORED = 'The message could not be stored. Please send it again.';
const MAX_BATCH = 500;
/** A batch costs about a millisecond, however small it is. */
const SPLIT_FROM = 200;
const MAX_WAITING = 10_000;
/** The promise: every send is answered within 5 s. */
const ANSWER_MS = 4_700;
const RESULT_MS = 1_000;
const JOB_MS = 4_000;
/** After the queue was too slow once, messages go the direct way for so long. */
const QUEUE_PAUSE_MS = 2_000;
/** As a rule instances find Redis back within half a second of each other (infra/redis.ts). */
const QUEUE_RETURN_MS = 1_000;

export function createPipeline(deps: {
  persist: PersistBatch;
  deliver: Deliver;
  /** undefined: the application runs without Redis. */
  queue: () => InstanceQueue<MessageJob> | undefined;
  queueAvailable: () => boolean;
  cluster: Pick<Cluster, 'instanceId' | 'ownerOf' | 'peers'>;
  bus: Pick<Bus, 'publish' | 'on'>;
  /** Told of every message that was stored here or answered for, before its sender is. */
  onStored: (message: Message) => void;
  /** Tells this instance where conversations stand whose messages another one stored. */
  rememberHeads: (advances: HeadAdvance[]) => void;
  newId: () => string;
  log: Logger;
}): Pipeline {
  const { persist, deliver, cluster, bus, log } = deps;
  const self = cluster.instanceId;
  const lanes = new Map<string, MicroBatcher<MessageDraft, Stored>>();
  /** Conversations with messages on the way stay in their lane, whoever owns them meanwhile. */
  const routes = new Map<string, { owner: string; count: number }>();
  /** Few at a time, and not a Map, whose old tables would hold whole batches (micro-batcher.ts). */
  let awaited: Awaited[] = [];
  let deliveries: Delivery[] = [];
  let queuePausedUntil = 0;
  let pending = 0;
  let onDrained: (() => void)[] = [];

  bus.on<Results & { to: string }>('messages.results', (results) => {
    if (results.to === self) awaitedAs(results.batchId)?.resolve(results);
  });

  const awaitedAs = (batchId: string): Awaited | undefined =>
    awaited.find((one) => one.batchId === batchId);

  /** Joins what several jobs and the direct way bring at the same time. */
  const writer = createMicroBatcher<MessageDraft, Persisted>({
    run: persist,
    maxBatch: 1_000,
    splitFrom: Infinity,
    maxWaiting: MAX_WAITING * 2,
    deadlineMs: ANSWER_MS,
  });

  async function write(drafts: MessageDraft[], redelivers: boolean): Promise<Outcome[]> {
    const failures: unknown[] = [];
    const outcomes = await Promise.all(
      drafts.map((draft) =>
        // Each is delivered as soon as it is stored: waiting for the rest of the batch, it could
        // be overtaken by the next message of its conversation out of another one.
        writer.submit(draft.conversationId, draft).then(
          (persisted) => delivered(draft, persisted, redelivers),
          (reason: unknown) => {
            const error = toAppError(reason);
            if (error.status < 500) return refusalOf(error);
            failures.push(reason);
            // Whatever it was: nobody knows the outcome, and the same clientId settles it.
            return refusalOf(error.code === 'unavailable' ? error : unavailable(NOT_STORED));
          },
        ),
      ),
    );
    if (failures.length > 0) {
      // One line for the batch: when MongoDB is away, every message fails in the same way.
      const context = { err: failures[0], failed: failures.length, messages: drafts.length };
      log.error(context, 'messages were not stored; their senders were told to try again');
    }
    return outcomes;
  }

  function delivered(draft: MessageDraft, persisted: Persisted, redelivers: boolean): Stored {
    const { record, created } = persisted;
    const message = presentMessage(record);
    // Stored under the draft's own id: by the owner, whose delivery may not have happened.
    const repeated = !created && redelivers && record._id === draft._id;
    deps.onStored(message);
    if (created || repeated) deliverSoon({ message, draft, repeated });
    return { message, created: created || repeated };
  }

  /** In order, but after the next batch was sent on its way: it is told while that one runs. */
  function deliverSoon(delivery: Delivery): void {
    if (deliveries.push(delivery) > 1) return;
    setImmediate(() => {
      const due = deliveries;
      deliveries = [];
      for (const { message, draft, repeated } of due) deliver(message, draft, repeated);
    });
  }

  async function viaQueue(
    queue: InstanceQueue<MessageJob>,
    owner: string,
    drafts: MessageDraft[],
  ): Promise<Outcome[] | undefined> {
    const batchId = deps.newId();
    let timer: NodeJS.Timeout | undefined;
    const results = new Promise<Results>((resolve, reject) => {
      let hasBegun = false;
      const giveUp = (reason: string): void => {
        if (!hasBegun) reject(new TimeLimitError(reason));
      };
      timer = setTimeout(() => giveUp(`no result within ${RESULT_MS} ms`), RESULT_MS);
      const began = (): void => {
        hasBegun = true;
        clearTimeout(timer);
      };
      awaited.push({ batchId, drafts, resolve, began, giveUp });
    });
    // Its failure is told where it is awaited, unless adding the job failed first.
    results.catch(() => undefined);
    const job: MessageJob = {
      batchId,
      originId: self,
      deadline: Date.now() + JOB_MS,
      ...(owner === self ? {} : { drafts }),
    };
    try {
      await queue.add(owner, job);
      const { outcomes } = await results;
      if (owner !== self) {
        deps.rememberHeads(headsOf(outcomes.flatMap(storedMessage)));
        for (const outcome of outcomes) if ('message' in outcome) deps.onStored(outcome.message);
      }
      return outcomes;
    } catch (error) {
      queuePausedUntil = performance.now() + QUEUE_PAUSE_MS;
      log.warn(
        { reason: (error as Error).message, owner, batchId, messages: drafts.length },
        'the queue gave no result in time; writing directly',
      );
      return undefined;
    } finally {
      clearTimeout(timer);
      awaited = awaited.filter((one) => one.batchId !== batchId);
    }
  }

  async function runBatch(owner: string, drafts: MessageDraft[]): Promise<(Stored | Error)[]> {
    const queue = deps.queue();
    const usesQueue =
      queue !== undefined &&
      deps.queueAvailable() &&
      performance.now() >= queuePausedUntil &&
      // Messages on the way keep their lane, also when its owner has died.
      (owner === self || cluster.peers().includes(owner));
    const viaOwner = usesQueue ? await viaQueue(queue, owner, drafts) : undefined;
    const outcomes = viaOwner ?? (await write(drafts, usesQueue));
    return outcomes.map((outcome) => ('refused' in outcome ? refusal(outcome) : outcome));
  }

  function laneOf(owner: string): MicroBatcher<MessageDraft, Stored> {
    const known = lanes.get(owner);
    if (known !== undefined) return known;
    const lane = createMicroBatcher<MessageDraft, Stored>({
      run: (drafts) => runBatch(owner, drafts),
      maxBatch: MAX_BATCH,
      splitFrom: SPLIT_FROM,
      maxWaiting: MAX_WAITING,
      deadlineMs: ANSWER_MS,
    });
    lanes.set(owner, lane);
    return lane;
  }

  return {
    submit: async (draft, withinMs) => {
      const { conversationId } = draft;
      const route = routes.get(conversationId) ?? {
        owner: cluster.ownerOf(conversationId),
        count: 0,
      };
      route.count++;
      routes.set(conversationId, route);
      pending++;
      try {
        return await laneOf(route.owner).submit(conversationId, draft, withinMs);
      } finally {
        if (--pending === 0) {
          for (const resolve of onDrained) resolve();
          onDrained = [];
        }
        if (--route.count === 0) {
          routes.delete(conversationId);
          if (route.owner !== self && lanes.get(route.owner)?.size() === 0) {
            lanes.delete(route.owner);
          }
        }
      }
    },

    process: async (job) => {
      if (Date.now() > job.deadline) return;
      if (job.originId !== self) {
        const outcomes = await write(job.drafts ?? [], false);
        bus.publish('messages.results', { batchId: job.batchId, outcomes, to: job.originId });
        return;
      }
      const own = awaitedAs(job.batchId);
      // Given up meanwhile: this instance has written the batch directly.
      if (own === undefined) return;
      own.began();
      own.resolve({ batchId: job.batchId, outcomes: await write(own.drafts, false) });
    },

    queueLost: () => {
      for (const { giveUp } of awaited) giveUp('Redis went away');
    },
    queueReturned: () => {
      queuePausedUntil = Math.max(queuePausedUntil, performance.now() + QUEUE_RETURN_MS);
    },
    pending: () => pending,
    drained: () =>
      pending === 0 ? Promise.resolve() : new Promise((resolve) => onDrained.push(resolve)),
  };
}

function refusalOf({ code, message: detail, errors }: AppError): Exclude<Outcome, Stored> {
  return { refused: code, detail, ...(errors === undefined ? {} : { errors }) };
}

const refusal = ({ refused, detail, errors }: Exclude<Outcome, Stored>): AppError =>
  new AppError(refused, detail, {
    ...(errors === undefined ? {} : { errors }),
    ...(refused === 'unavailable' ? { retryAfter: 1 } : {}),
  });

const storedMessage = (outcome: Outcome): MessagePlace[] =>
  'refused' in outcome
    ? []
    : [{ ...outcome.message, createdAt: new Date(outcome.message.createdAt) }];
