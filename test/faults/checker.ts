/**
 * Whether the promise holds, told by those who cannot be wrong together: the senders' own
 * book of acknowledgements, MongoDB asked directly, and every client's copy.
 */
import mongoose from 'mongoose';
import { expect } from 'vitest';
import type { LocalCluster } from '../../scripts/cluster/local-cluster.ts';
import { type Fleet, until } from './fleet.ts';
import type { Remembered } from './memory.ts';

interface StoredMessage {
  _id: string;
  conversationId: string;
  seq: number;
  senderId: string;
  clientId: string;
  text: string;
}

export interface Verdict {
  acknowledged: number;
  stored: number;
  /** Messages that clients hold, all copies together. */
  delivered: number;
  lost: number;
  duplicates: number;
  /** Milliseconds between two acknowledgements of anybody, at the most. */
  longestGap: number;
  /** Milliseconds from a first try to its acknowledgement, at the most. */
  longestWait: number;
  /** Milliseconds after the fault until everybody had everything. */
  wholeAfter: number;
}

const SEND_MS = 60_000;

/**
 * Waits until everything is sent, then until every client holds everything, and then looks at
 * each copy.
 * @param what the row, for the printed line
 * @param options.wholeWithinMs from the last acknowledgement on; the promise is 5 s
 * @param options.isRestored messages between the backup and its return are missing, rightly,
 *   and clients may have begun anew
 */
export async function expectHolds(
  what: string,
  cluster: Pick<LocalCluster, 'mongodb' | 'instances' | 'nginx'>,
  fleet: Fleet,
  options: { wholeWithinMs?: number; isRestored?: boolean } = {},
): Promise<Verdict> {
  const { wholeWithinMs = 5_000, isRestored = false } = options;
  const { bots, book, conversationIds } = fleet;
  await until('every message to be acknowledged', SEND_MS, () =>
    bots.every((bot) => bot.waiting() === 0),
  );
  const stored = await readMessages(cluster.mongodb.url, conversationIds);
  const wholeAfter = await untilWhole(fleet, stored, wholeWithinMs);
  const verdict: Verdict = {
    acknowledged: book.acknowledged.length,
    stored: [...stored.values()].flat().length,
    delivered: bots.reduce(
      (sum, bot) => sum + bot.conversationIds.reduce((n, id) => n + bot.heldOf(id).length, 0),
      0,
    ),
    lost: 0,
    duplicates: 0,
    longestGap: longestGap(book.acknowledged.map(({ at }) => at)),
    longestWait: Math.max(...book.acknowledged.map(({ took }) => took)),
    wholeAfter,
  };
  const faults = [
    ...faultsOfAcknowledgements(fleet, stored, verdict),
    ...faultsOfOrder(stored, verdict, isRestored),
    ...(wholeAfter > wholeWithinMs ? [`clients were whole only after ${wholeAfter} ms`] : []),
    ...faultsOfClients(fleet, stored, isRestored),
    ...[...cluster.instances, cluster.nginx].flatMap(({ name, surprises }) =>
      surprises.map(({ code, signal }) => `${name} ended by itself: ${signal ?? code}`),
    ),
  ];
  print(what, verdict);
  expect(faults.slice(0, 20)).toEqual([]);
  return verdict;
}

/** When a fault began and ended, and the calm before it; by performance.now(). */
export interface FaultTimes {
  calmFrom: number;
  harmedAt: number;
  until: number;
}

/** The promise: losing Redis adds at most so many milliseconds to a request. */
const ADDED_MS = 300;

/**
 * The longest wait of what was sent during a fault against that before it. Call it when all is
 * acknowledged, so that those count, too, that were not answered at the time.
 * @param rounds of the same fault, at least two: a hiccup of the machine is no property of the
 *   application, what comes again is
 */
export function expectAddsLittle(what: string, { book }: Fleet, rounds: FaultTimes[]): void {
  const longestBetween = (from: number, to: number): number => {
    const begun = book.acknowledged.filter(({ at, took }) => at - took >= from && at - took < to);
    expect(begun.length).toBeGreaterThan(0);
    return Math.max(...begun.map(({ took }) => took));
  };
  const waits = rounds.map(({ calmFrom, harmedAt, until }) => ({
    calm: longestBetween(calmFrom, harmedAt),
    during: longestBetween(harmedAt, until),
  }));
  for (const wait of waits) print(`longest wait, ${what}`, wait);
  // The calmest of all, so that a restless calm does not excuse a slow fault.
  const calmest = Math.min(...waits.map(({ calm }) => calm));
  const added = Math.min(...waits.map(({ during }) => during)) - calmest;
  expect(added).toBeLessThanOrEqual(ADDED_MS);
}

/** One line that a reader can believe: what was done, and what was counted. */
export function print(what: string, figures: object): void {
  const counted = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  process.stdout.write(`  ${what}: ${counted.join(', ')}\n`);
}

/** Conversation -> its messages by seq, read past the application. */
export async function readMessages(
  mongodbUrl: string,
  conversationIds: string[],
): Promise<Map<string, StoredMessage[]>> {
  const client = new mongoose.mongo.MongoClient(mongodbUrl);
  try {
    const found = await client
      .db()
      .collection<StoredMessage>('messages')
      .find({ conversationId: { $in: conversationIds } })
      .sort({ conversationId: 1, seq: 1 })
      .toArray();
    const byConversation = new Map<string, StoredMessage[]>(conversationIds.map((id) => [id, []]));
    for (const message of found) byConversation.get(message.conversationId)?.push(message);
    return byConversation;
  } finally {
    await client.close();
  }
}

async function untilWhole(
  { bots }: Fleet,
  stored: Map<string, StoredMessage[]>,
  ms: number,
): Promise<number> {
  const began = performance.now();
  await Promise.all(bots.map((bot) => bot.catchUp()));
  const isWhole = () =>
    bots.every((bot) =>
      bot.conversationIds.every((id) => bot.heldOf(id).at(-1)?._id === stored.get(id)?.at(-1)?._id),
    );
  // Who is not whole then is named below, client by client.
  await until('every client to be whole', ms, isWhole).catch(() => undefined);
  return Math.round(performance.now() - began);
}

function faultsOfAcknowledgements(
  { book }: Fleet,
  stored: Map<string, StoredMessage[]>,
  verdict: Verdict,
): string[] {
  const byId = new Map([...stored.values()].flat().map((message) => [message._id, message]));
  return book.acknowledged.flatMap(({ message }) => {
    const found = byId.get(message._id);
    if (found?.seq === message.seq && found.text === message.text) return [];
    verdict.lost++;
    return [`acknowledged and lost: ${message._id} at ${message.conversationId} ${message.seq}`];
  });
}

function faultsOfOrder(
  stored: Map<string, StoredMessage[]>,
  verdict: Verdict,
  isRestored: boolean,
): string[] {
  const faults: string[] = [];
  for (const [conversationId, messages] of stored) {
    const numbers = new Map<string, number>();
    for (const [index, { seq, senderId, text }] of messages.entries()) {
      if (seq !== index + 1) faults.push(`${conversationId} has ${seq} in place ${index + 1}`);
      const number = Number(/^#(\d+) /.exec(text)?.[1]);
      const last = numbers.get(senderId) ?? 0;
      if (number <= last) {
        verdict.duplicates++;
        faults.push(`${conversationId} ${seq}: message ${number} of ${senderId} after ${last}`);
      } else if (number !== last + 1 && !isRestored) {
        faults.push(`${conversationId} ${seq}: message ${number} of ${senderId} overtook`);
      }
      numbers.set(senderId, number);
    }
  }
  return faults;
}

function faultsOfClients(
  { bots }: Fleet,
  stored: Map<string, StoredMessage[]>,
  isRestored: boolean,
): string[] {
  return bots.flatMap((bot) =>
    bot.conversationIds.flatMap((id) =>
      faultsOfCopy({
        held: bot.heldOf(id),
        stored: stored.get(id) ?? [],
        remembered: bot.memory.of(id),
        isRestored,
      }).map((fault) => `${bot.person.fullName}, ${id}: ${fault}`),
    ),
  );
}

type Place = Pick<StoredMessage, '_id' | 'seq'>;

/**
 * What is wrong with a client's copy of a conversation. A client begins with the newest page, so
 * it may lack what is older than all it ever held; everything from there on it has to hold, once
 * and in order.
 */
export function faultsOfCopy(copy: {
  held: readonly Place[];
  stored: readonly Place[];
  remembered: Remembered;
  isRestored?: boolean;
}): string[] {
  const { held, stored, remembered, isRestored = false } = copy;
  const { lowest = Number.NaN, live, resets } = remembered;
  const faults: string[] = [];
  const expected = stored.filter(({ seq }) => seq >= lowest);
  const ids = (places: readonly Place[]): string => places.map(({ _id }) => _id).join();
  if (held.length === 0 || ids(held) !== ids(expected)) {
    const seqs = held.map(({ seq }) => seq);
    const lacks = expected.filter(({ seq }) => !seqs.includes(seq)).map(({ seq }) => seq);
    faults.push(
      `holds ${held.length} of ${expected.length} messages from ${lowest} on (of ${stored.length})` +
        `, lacks ${lacks.slice(0, 5).join(' ') || 'none'}`,
    );
  }
  const heldIds = new Set(held.map(({ _id }) => _id));
  for (const [id, seq] of live) {
    if (seq >= lowest && !heldIds.has(id)) faults.push(`was told ${seq} and does not hold it`);
  }
  if (resets > 0 && !isRestored) faults.push(`was told ${resets} times to begin anew`);
  return faults;
}

function longestGap(times: number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return Math.round(Math.max(0, ...sorted.slice(1).map((at, index) => at - (sorted[index] ?? at))));
}
