/**
 * Fills a database with people, conversations and messages that follow from a seed, as if the
 * server had written them: numbers without holes, heads, memberships and reading positions.
 *
 * What a seed wrote is noted in the collection `seeds`. The same arguments again find it there
 * and leave the data alone; others, or a run that was cut off, replace it. What people wrote
 * themselves is never touched, except within seeded conversations that are replaced.
 */
import bcrypt from 'bcryptjs';
import type { mongo } from 'mongoose';
import type { MessageRecord } from '../../src/features/messages/messages.store.ts';
import { createSearchStore } from '../../src/features/search/search.store.ts';
import { toTerms } from '../../src/features/search/search-index.ts';
import { forgetAdministrator } from '../../src/features/users/administrators.store.ts';
import { idsWith, markerOf, SEEDS } from '../../src/features/users/seeded.ts';
import { createIndexes } from '../../src/infra/mongo.ts';
import type { Database } from '../lib/program.ts';
import { createProgress } from '../lib/progress.ts';
import { tell } from '../lib/step.mjs';
import { batches, insertAll } from './bulk.ts';
import { type Chatter, createChatter } from './chatter.ts';
import { pairsWith } from './ids.ts';
import { createPlan, type SeedArguments, type SeedPlan } from './plan.ts';

/** The password of everybody who is seeded. It is no secret, so its salt need not be one. */
export const SEED_PASSWORD = 'correct horse battery';
const SALT = Buffer.from('parley seed salt');
/** Made anew when a later version makes other data of the same arguments. */
const VERSION = 2;

interface SeedRecord {
  _id: string;
  arguments: SeedArguments;
  version: number;
  state: 'writing' | 'done';
  counts: SeedCounts;
}

export interface SeedCounts {
  users: number;
  groups: number;
  conversations: number;
  memberships: number;
  messages: number;
}

export interface SeedResult {
  plan: SeedPlan;
  /** Whether there was nothing before, it was all there already, or it was made anew. */
  action: 'inserted' | 'unchanged' | 'replaced';
  counts: SeedCounts;
  seconds: number;
}

/**
 * Makes the data of a seed, or finds it there.
 * @param bcryptCost of the one hash that all share
 */
export async function seed(
  database: Database,
  given: SeedArguments,
  bcryptCost: number,
  signal: AbortSignal,
): Promise<SeedResult> {
  const startedAt = performance.now();
  const { db, uri, connection } = database;
  const plan = createPlan(given, seedHash(bcryptCost));
  const seeds = db.collection<SeedRecord>(SEEDS);
  const before = await seeds.findOne({ _id: given.name });
  const took = (): number => (performance.now() - startedAt) / 1_000;
  if (before !== null && isSame(before, given) && (await isThere(database, plan))) {
    return { plan, action: 'unchanged', counts: before.counts, seconds: took() };
  }
  const note = (state: SeedRecord['state'], counts: SeedCounts) =>
    seeds.replaceOne(
      { _id: given.name },
      { arguments: given, version: VERSION, state, counts },
      { upsert: true, writeConcern: { w: 'majority', journal: true } },
    );
  if (before !== null) await removeSeed(database, given.name, signal);
  await note('writing', noCounts);
  // Where nothing guards by them yet, indexes are built behind the documents: measured for 500,000
  // messages, 9.8 s instead of 13.4.
  const buildsLater = await isNew(database);
  if (!buildsLater) await createIndexes(connection, uri);
  const isEmpty = await hasNoMessage(database);
  const counts = await write(database, given, plan, signal);
  if (buildsLater) await createIndexes(connection, uri);
  // Otherwise a server looks through all messages for some without terms.
  if (isEmpty) await createSearchStore(connection).claimCompleteness();
  // Committed behind everything above, so that is committed, too.
  await note('done', counts);
  return { plan, action: before === null ? 'inserted' : 'replaced', counts, seconds: took() };
}

const noCounts: SeedCounts = { users: 0, groups: 0, conversations: 0, memberships: 0, messages: 0 };

function seedHash(cost: number): string {
  const salt = `$2b$${String(cost).padStart(2, '0')}$${bcrypt.encodeBase64([...SALT], 16)}`;
  return bcrypt.hashSync(SEED_PASSWORD, salt);
}

const isSame = (record: SeedRecord, given: SeedArguments): boolean =>
  record.state === 'done' &&
  record.version === VERSION &&
  JSON.stringify(record.arguments) === JSON.stringify(given);

/** Whether no server has been here: there is no message, and no index that could keep one out. */
async function isNew({ models, db }: Database): Promise<boolean> {
  const name = models.messages.collection.collectionName;
  if ((await db.listCollections({ name }).toArray()).length === 0) return true;
  const messages = db.collection(name);
  return (await messages.indexes()).length === 1 && (await messages.findOne()) === null;
}

async function hasNoMessage({ models, db }: Database): Promise<boolean> {
  return (await db.collection(models.messages.collection.collectionName).findOne()) === null;
}

/** Not only noted: a collection may have been emptied by hand. */
async function isThere({ models, db }: Database, plan: SeedPlan): Promise<boolean> {
  const users = db.collection<{ _id: string }>(models.users.collection.collectionName);
  let found = 0;
  for (const batch of batches(plan.users)) {
    found += await users.countDocuments({ _id: { $in: batch.map(({ _id }) => _id) } });
  }
  return found === plan.users.length;
}

async function write(
  { models, db, connection }: Database,
  given: SeedArguments,
  plan: SeedPlan,
  signal: AbortSignal,
): Promise<SeedCounts> {
  const into = <T extends { _id: string }>({
    collection,
  }: {
    collection: { collectionName: string };
  }) => db.collection<T>(collection.collectionName);
  const insert = <T extends { _id: string }>(
    model: { collection: { collectionName: string } },
    documents: Iterable<T>,
  ) => insertAll(into<T>(model), documents, signal);
  const users = await insert(models.users, plan.users);
  const groups = await insert(models.groups, plan.groups);
  const chatter = createChatter(given, plan);
  const terms = createSearchStore(connection);
  const messages = await writeMessages(
    into<MessageRecord>(models.messages),
    chatter,
    given.messages,
    signal,
    (batch) => terms.insert(batch.map(toTerms)),
  );
  // Behind their messages, as the server does it: nobody is shown a conversation half written.
  const conversations = await insert(models.conversations, chatter.conversations());
  const memberships = await insert(models.memberships, chatter.memberships());
  return { users, groups, conversations, memberships, messages };
}

async function writeMessages(
  collection: mongo.Collection<MessageRecord>,
  chatter: Chatter,
  total: number,
  signal: AbortSignal,
  derive: (batch: MessageRecord[]) => Promise<void>,
): Promise<number> {
  const progress = createProgress('messages', total);
  try {
    return await insertAll(collection, chatter.messages(), signal, progress.update, derive);
  } finally {
    progress.stop();
  }
}

/** Removes everything of a seed; also the sessions of its people, and what they wrote there. */
async function removeSeed(
  { models, db }: Database,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  tell(
    'Removing what an earlier run with this seed made. Servers that run meanwhile remember it ' +
      'for a while: restart them.',
  );
  const marker = markerOf(name);
  const own = { _id: idsWith(marker) };
  const collection = <T extends mongo.Document = { _id: string }>(model: {
    collection: { collectionName: string };
  }) => db.collection<T>(model.collection.collectionName);
  const ids = async (from: mongo.Collection<{ _id: string }>, pattern: RegExp) =>
    (await from.find({ _id: pattern }, { projection: { _id: 1 } }).toArray()).map(({ _id }) => _id);
  // By the messages' own ids, too: a run that was cut off wrote them before the conversations.
  await collection(models.messages).deleteMany(own);
  await collection(models.searchTerms).deleteMany(own);
  const conversations = collection(models.conversations);
  for (const pattern of [idsWith(marker), pairsWith(marker)]) {
    for (const batch of batches(await ids(conversations, pattern))) {
      signal.throwIfAborted();
      const within = { conversationId: { $in: batch } };
      await collection<{ conversationId: string }>(models.messages).deleteMany(within);
      await collection<{ c: string }>(models.searchTerms).deleteMany({ c: { $in: batch } });
      await collection<{ conversationId: string }>(models.memberships).deleteMany(within);
      await conversations.deleteMany({ _id: { $in: batch } });
    }
  }
  await collection(models.memberships).deleteMany(own);
  await collection(models.groups).deleteMany(own);
  await collection(models.sessions).deleteMany(own);
  await collection(models.users).deleteMany(own);
  // An earlier version made the oldest account administrator, whoever it was.
  await forgetAdministrator(db, own._id);
}
