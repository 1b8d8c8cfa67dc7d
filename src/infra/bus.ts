/**
 * What instances tell each other, beside the Socket.IO adapter.
 *
 * `publish` is best effort and fast: Redis while it answers, else a MongoDB collection.
 * `announce` is for what must be known everywhere (a session ended, a member removed): the word
 * is written in the transaction of the change that it tells, so that neither is there without
 * the other, and the caller waits until the live instances have applied it, at most 2 s.
 * Every instance listens to both sources (bus-listener.ts: one that is alone looks only now and
 * then), so nothing has to be switched over when Redis dies, and a subscriber cannot tell which
 * way a word came.
 *
 * Known limit: an instance whose change stream breaks beyond resuming has missed
 * announcements; it then calls the gap handlers, which forget what they cached.
 */
import mongoose, { type Connection } from 'mongoose';
import { createBusListener } from './bus-listener.ts';
import { withLimit } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { newId, type Transaction, transactOn } from './mongo.ts';
import type { RedisLink } from './redis.ts';

type Handler = (payload: unknown, from: string) => void | Promise<void>;

interface Envelope {
  _id: string;
  from: string;
  topic: string;
  payload: unknown;
  /** An announcement: whoever applied it says so. */
  confirm?: boolean;
}

export interface Bus {
  /** Never throws, never waits. Not heard by the instance itself. */
  publish(topic: string, payload: unknown): void;
  /**
   * Makes a change in a transaction and announces it. Resolves with the change's result when
   * every live instance has applied the payload, or 2 s after the commit. Handlers may get an
   * announcement twice. `work` may run again after a conflict; without a payload nothing is
   * announced.
   */
  announce<T>(
    topic: string,
    work: (transaction: Transaction) => Promise<{ payload?: unknown; result: T }>,
  ): Promise<T>;
  /** Handlers of a topic run in the order of registration. */
  on<T>(topic: string, handler: (payload: T, from: string) => void | Promise<void>): void;
  /** Called after announcements may have been missed. */
  onGap(handler: () => void | Promise<void>): void;
  /** Whether announcements arrive; if not, cached knowledge must not be trusted for long. */
  healthy(): boolean;
  start(): Promise<void>;
  close(): Promise<void>;
}

const CONFIRM_MS = 2_000;
/** Resuming needs no more than this; the collection is a channel, not a store. */
const KEPT_SECONDS = 300;
/** More than this waiting for MongoDB is dropped: what it carries heals by itself. */
const OUTGOING_MAX = 5_000;

const schema = new mongoose.Schema(
  { _id: String, from: String, topic: String, payload: {}, confirm: Boolean, at: Date },
  { collection: 'bus', versionKey: false },
);
schema.index({ at: 1 }, { expireAfterSeconds: KEPT_SECONDS });

/** The collection with its index, registered on a connection. */
export const busModel = (connection: Connection) => connection.model('BusMessage', schema);

export function createBus(deps: {
  instanceId: string;
  connection: Connection;
  redis: RedisLink | undefined;
  /** Keeps deployments apart that share one Redis. */
  namespace: string;
  /** Ids of the other live instances. */
  peers: () => string[];
  log: Logger;
}): Bus {
  const { instanceId, connection, redis, log } = deps;
  const channel = `${deps.namespace}:bus`;
  const collection = busModel(connection).collection;
  const handlers = new Map<string, Handler[]>();
  const gapHandlers: (() => void | Promise<void>)[] = [];
  const confirmations = new Map<string, { missing: Set<string>; done: () => void }>();
  let outgoing: Envelope[] = [];
  let flushing = false;
  let closed = false;

  function envelope(topic: string, payload: unknown): Envelope {
    return { _id: newId(), from: instanceId, topic, payload };
  }

  async function apply(topic: string, payload: unknown, from: string): Promise<void> {
    for (const handler of handlers.get(topic) ?? []) {
      try {
        await handler(payload, from);
      } catch (error) {
        log.error({ err: error, topic, from }, 'a word from another instance could not be applied');
      }
    }
  }

  async function receive(message: Envelope): Promise<void> {
    // An own announcement counts here, too: its caller may not have learned of the commit.
    if (message.from === instanceId && !message.confirm) return;
    if (message.topic === 'bus.confirm') return confirmed(message);
    await apply(message.topic, message.payload, message.from);
    if (message.confirm && message.from !== instanceId) publish('bus.confirm', { of: message._id });
  }

  function confirmed(message: Envelope): void {
    const { of } = message.payload as { of: string };
    const waiting = confirmations.get(of);
    waiting?.missing.delete(message.from);
    if (waiting?.missing.size === 0) waiting.done();
  }

  function publish(topic: string, payload: unknown): void {
    if (closed) return;
    const message = envelope(topic, payload);
    if (redis?.available()) {
      redis.commands.publish(channel, JSON.stringify(message)).catch((error: unknown) => {
        redis.reportFailure(error);
        viaMongo(message);
      });
    } else viaMongo(message);
  }

  function viaMongo(message: Envelope): void {
    if (outgoing.length >= OUTGOING_MAX) {
      log.warn({ dropped: outgoing.length }, 'MongoDB is too slow for the bus; words dropped');
      outgoing = [];
    }
    outgoing.push(message);
    if (!flushing) {
      flushing = true;
      setImmediate(() => void flush());
    }
  }

  async function flush(): Promise<void> {
    while (outgoing.length > 0 && !closed) {
      const batch = outgoing;
      outgoing = [];
      try {
        const at = new Date();
        await collection.insertMany(
          batch.map((message) => ({ ...message, at })) as unknown as mongoose.mongo.Document[],
          { writeConcern: { w: 1 } },
        );
      } catch (error) {
        log.warn({ err: error, words: batch.length }, 'the bus could not write to MongoDB');
      }
    }
    flushing = false;
  }

  const transact = transactOn(connection);

  async function announce<T>(
    topic: string,
    work: (transaction: Transaction) => Promise<{ payload?: unknown; result: T }>,
  ): Promise<T> {
    const message: Envelope = { ...envelope(topic, undefined), confirm: true };
    const missing = new Set(deps.peers());
    const everyone = new Promise<void>((done) => {
      if (missing.size === 0) done();
      else confirmations.set(message._id, { missing, done });
    });
    try {
      const result = await transact(async (transaction) => {
        const changed = await work(transaction);
        message.payload = changed.payload;
        if (changed.payload !== undefined) {
          const at = new Date();
          await collection.insertOne({ ...message, at } as unknown as mongoose.mongo.Document, {
            session: transaction,
          });
        }
        return changed.result;
      });
      if (message.payload === undefined) return result;
      await apply(topic, message.payload, instanceId);
      await withLimit(everyone, CONFIRM_MS, 'the confirmation by the other instances').catch(
        (error: unknown) => {
          log.warn({ err: error, topic, missing: [...missing] }, 'not every instance confirmed');
        },
      );
      return result;
    } finally {
      confirmations.delete(message._id);
    }
  }

  async function fillGap(): Promise<void> {
    for (const handler of gapHandlers) {
      try {
        await handler();
      } catch (error) {
        log.error({ err: error }, 'after a gap in the announcements something may be out of date');
      }
    }
  }

  const listener = createBusListener<Envelope>({
    client: connection.getClient(),
    collection,
    mayRest: () => redis?.available() === true && deps.peers().length === 0,
    receive,
    onGap: fillGap,
    log,
  });

  return {
    publish,
    announce,
    on: (topic, handler) => {
      handlers.set(topic, [...(handlers.get(topic) ?? []), handler as Handler]);
    },
    onGap: (handler) => gapHandlers.push(handler),
    healthy: listener.healthy,
    start: async () => {
      redis?.subscriber.on('message', (from, text) => {
        if (from !== channel) return;
        const message = JSON.parse(text) as Envelope;
        if (message.from !== instanceId) listener.wake();
        void receive(message);
      });
      redis?.subscribe(channel);
      redis?.onChange((available) => {
        if (!available) listener.wake();
      });
      await listener.start();
    },
    close: async () => {
      await flush();
      closed = true;
      await listener.close();
    },
  };
}
