/**
 * What instances tell each other, beside the Socket.IO adapter.
 *
 * `publish` is best effort and fast: Redis while it answers, else a MongoDB collection.
 * `announce` is for what must be known everywhere (a session ended, a member removed): always
 * through MongoDB, and it waits until the live instances have applied it, at most 2 s.
 * Every instance listens to both sources always, so nothing has to be switched over when
 * Redis dies, and a subscriber cannot tell which way a word came.
 *
 * Known limit: an instance whose change stream breaks beyond resuming has missed
 * announcements; it then calls the gap handlers, which forget what they cached.
 */
import mongoose, { type Connection } from 'mongoose';
import { withLimit } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { newId } from './mongo.ts';
import type { RedisLink } from './redis.ts';

type Handler = (payload: unknown, from: string) => void | Promise<void>;

interface Envelope {
  _id: string;
  from: string;
  topic: string;
  payload: unknown;
  /** Whether the sender waits for everyone to have applied it. */
  confirm?: boolean;
}

export interface Bus {
  /** Never throws, never waits. Not heard by the instance itself. */
  publish(topic: string, payload: unknown): void;
  /** Applied here at once; resolves when the live others have applied it, or after 2 s. */
  announce(topic: string, payload: unknown): Promise<void>;
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
const REOPEN_MS = 500;
/** More than this waiting for MongoDB is dropped: what it carries heals by itself. */
const OUTGOING_MAX = 5_000;

const schema = new mongoose.Schema(
  { _id: String, from: String, topic: String, payload: {}, confirm: Boolean, at: Date },
  { collection: 'bus', versionKey: false },
);
schema.index({ at: 1 }, { expireAfterSeconds: KEPT_SECONDS });

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
  const collection = connection.model('BusMessage', schema).collection;
  const handlers = new Map<string, Handler[]>();
  const gapHandlers: (() => void | Promise<void>)[] = [];
  const confirmations = new Map<string, { missing: Set<string>; done: () => void }>();
  let outgoing: Envelope[] = [];
  let flushing = false;
  let stream: mongoose.mongo.ChangeStream | undefined;
  let streaming = false;
  let closed = false;

  function envelope(topic: string, payload: unknown, confirm?: boolean): Envelope {
    return { _id: newId(), from: instanceId, topic, payload, ...(confirm ? { confirm } : {}) };
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
    if (message.from === instanceId) return;
    if (message.topic === 'bus.confirm') return confirmed(message);
    await apply(message.topic, message.payload, message.from);
    if (message.confirm) publish('bus.confirm', { of: message._id });
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
        await insert(batch, 1);
      } catch (error) {
        log.warn({ err: error, words: batch.length }, 'the bus could not write to MongoDB');
      }
    }
    flushing = false;
  }

  async function insert(batch: Envelope[], w: 1 | 'majority'): Promise<void> {
    const at = new Date();
    await collection.insertMany(
      batch.map((message) => ({ ...message, at })) as unknown as mongoose.mongo.Document[],
      { writeConcern: { w } },
    );
  }

  async function announce(topic: string, payload: unknown): Promise<void> {
    await apply(topic, payload, instanceId);
    const missing = new Set(deps.peers());
    const message = envelope(topic, payload, missing.size > 0);
    const everyone = new Promise<void>((done) => {
      if (missing.size === 0) done();
      else confirmations.set(message._id, { missing, done });
    });
    try {
      await insert([message], 'majority');
      await withLimit(everyone, CONFIRM_MS, 'the confirmation by the other instances');
    } catch (error) {
      log.warn({ err: error, topic, missing: [...missing] }, 'not every instance confirmed');
    } finally {
      confirmations.delete(message._id);
    }
  }

  async function openStream(): Promise<void> {
    const opened = collection.watch([{ $match: { operationType: 'insert' } }], {
      // Well below the connection's limit for an answer.
      maxAwaitTimeMS: 1_000,
    });
    stream = opened;
    // A stream delivers from the moment the server has opened its cursor.
    const started = new Promise<void>((resolve, reject) => {
      opened.once('resumeTokenChanged', () => resolve());
      opened.once('error', reject);
    });
    let queue = Promise.resolve();
    opened.on('change', (change) => {
      if (change.operationType !== 'insert') return;
      const message = change.fullDocument as unknown as Envelope;
      queue = queue.then(() => receive(message));
    });
    opened.once('error', (error) => void reopen(opened, error));
    await withLimit(started, 10_000, 'opening the change stream of the bus');
    streaming = true;
  }

  async function reopen(failed: mongoose.mongo.ChangeStream, error: unknown): Promise<void> {
    if (closed || stream !== failed) return;
    streaming = false;
    log.warn({ err: error }, 'the change stream of the bus broke; opening it again');
    await failed.close().catch(() => undefined);
    while (!closed) {
      try {
        await openStream();
        for (const handler of gapHandlers) await handler();
        return;
      } catch (retryError) {
        log.warn({ err: retryError }, 'the change stream of the bus cannot be opened yet');
        await new Promise((resolve) => setTimeout(resolve, REOPEN_MS));
      }
    }
  }

  return {
    publish,
    announce,
    on: (topic, handler) => {
      handlers.set(topic, [...(handlers.get(topic) ?? []), handler as Handler]);
    },
    onGap: (handler) => gapHandlers.push(handler),
    healthy: () => streaming,
    start: async () => {
      redis?.subscriber.on('message', (from, text) => {
        if (from === channel) void receive(JSON.parse(text) as Envelope);
      });
      // Not awaited: while Redis is away it stays queued, and is sent when Redis returns.
      redis?.subscriber.subscribe(channel).catch((error: unknown) => {
        if (!closed) log.warn({ err: error }, 'the bus could not subscribe');
      });
      await openStream();
    },
    close: async () => {
      await flush();
      closed = true;
      await stream?.close();
    },
  };
}
