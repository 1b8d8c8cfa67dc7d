/**
 * What the application counts, as Prometheus reads it at /metrics: base units, and no label that
 * names a user or a conversation, so that the number of series is bounded.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type RateLimitName, rateLimitNames } from '../protocol/limits.ts';
import { withLimit } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import type { SecondaryReadResult } from './secondary-reads.ts';

/** From a cached answer to the 5 s within which everything is answered. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const BATCH_SIZES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000];
/** A source that does not answer must not hold up the others. */
const SOURCE_MS = 1_000;

/** What `collectProcessMetrics` makes. */
export type ProcessMetrics = Registry;

interface Figure {
  labels: Record<string, string>;
  value: number;
}
/** One without labels, or any number with them. */
type Figures = number | Figure[];

/** `{open: 3}` as figures whose label `name` is open. */
export const labelled = (name: string, values: Readonly<Record<string, number>>): Figure[] =>
  Object.entries(values).map(([key, value]) => ({ labels: { [name]: key }, value }));

export type Metrics = ReturnType<typeof createMetrics>;

/** Event-loop delay, memory, garbage collection. Once per process: its observers have no end. */
export function collectProcessMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** @param processMetrics what is told with the application's own, if this process collects it */
export function createMetrics(log: Logger, processMetrics?: Registry) {
  const registry = new Registry();
  const registers = [registry];

  const httpDuration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the arrival of a request to the head of its response',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers,
  });
  const operationDuration = new Histogram({
    name: 'chat_operation_duration_seconds',
    help: 'From the call of an operation to its answer; outcome is ok or the code of the problem',
    labelNames: ['operation', 'transport', 'outcome'],
    buckets: SECONDS,
    registers,
  });
  const messagesStored = new Counter({
    name: 'chat_messages_stored_total',
    help: 'Messages that this instance wrote to MongoDB',
    registers,
  });
  const batchSize = new Histogram({
    name: 'chat_message_batch_size',
    help: 'Messages that were written at once',
    buckets: BATCH_SIZES,
    registers,
  });
  let stored = 0;
  const rateLimited = new Counter({
    name: 'chat_rate_limited_total',
    help: 'What was refused because it was done too often, by the name of the limit',
    labelNames: ['limit'],
    registers,
  });
  // Rates of what never happened are 0, not absent.
  for (const limit of rateLimitNames) rateLimited.inc({ limit }, 0);
  const secondaryReads = new Counter({
    name: 'chat_secondary_reads_total',
    help: 'Readings that a secondary might answer: answered, failed, or resting after a failure',
    labelNames: ['result'],
    registers,
  });
  return {
    /** Messages stored since the start. */
    storedMessages: (): number => stored,
    /** @param seconds until the head of the response was written */
    httpRequest: (labels: { method: string; route: string; status: number }, seconds: number) =>
      httpDuration.observe(labels, seconds),
    /** @param outcome "ok", or the code of the problem */
    operation: (operation: string, transport: string, outcome: string, seconds: number): void =>
      operationDuration.observe({ operation, transport, outcome }, seconds),
    /** A batch that was written. */
    batchStored: (messages: number): void => {
      stored += messages;
      messagesStored.inc(messages);
      batchSize.observe(messages);
    },
    rateLimited: (limit: RateLimitName): void => rateLimited.inc({ limit }),
    secondaryRead: (result: SecondaryReadResult): void => secondaryReads.inc({ result }),
    /** Figures that are read when somebody asks; what cannot be read is absent, not wrong. */
    source: (
      options: { type: 'gauge' | 'counter'; name: string; help: string; labels?: string[] },
      read: () => Figures | Promise<Figures>,
    ): void => {
      const { type, name, help, labels: labelNames = [] } = options;
      async function figures(): Promise<Figure[]> {
        try {
          const found = await withLimit(Promise.resolve().then(read), SOURCE_MS, name);
          return typeof found === 'number' ? [{ labels: {}, value: found }] : found;
        } catch (error) {
          log.warn({ err: error, metric: name }, 'a figure could not be read');
          return [];
        }
      }
      const Metric = type === 'gauge' ? Gauge : Counter;
      new Metric({
        name,
        help,
        labelNames,
        registers,
        async collect() {
          const found = await figures();
          this.reset();
          // A reset leaves what has no labels at 0.
          if (labelNames.length === 0) this.remove();
          for (const { labels, value } of found) this.inc(labels, value);
        },
      });
    },
    /** The whole page in Prometheus' text format. */
    page: async (): Promise<string> => {
      const parts = [registry, ...(processMetrics === undefined ? [] : [processMetrics])];
      return (await Promise.all(parts.map((part) => part.metrics()))).join('\n');
    },
    contentType: registry.contentType,
  };
}
