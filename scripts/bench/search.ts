/**
 * Searching a million messages, of which 400,000 are in the 200 conversations of the one who
 * searches: over HTTP, as people do, against MongoDB's text index and a regular expression, both
 * asked directly, on a copy of the messages, for the newest 20 of the same conversations.
 *
 * The references give less: `$text` knows no beginnings of words, and neither ranks nor marks.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { mongo } from 'mongoose';
import type { MessageRecord } from '../../src/features/messages/messages.store.ts';
import { openMongodb } from '../../src/infra/embedded/servers.ts';
import { limits } from '../../src/protocol/limits.ts';
import type { SearchHit } from '../../src/protocol/types.ts';
import { withDatabase } from '../lib/program.ts';
import { openSessions } from '../seed/logins.ts';
import { createPlan } from '../seed/plan.ts';
import { createRandom, createSampler, zipfWeights } from '../seed/random.ts';
import { UNTIL } from '../seed/run.ts';
import { pinGenerator, startParley } from './processes.ts';
import { type Report, type RunOptions, verdict } from './report.ts';
import { fillForSearch, type SearchData } from './search-data.ts';
import { median } from './send.ts';

/** Milliseconds. */
const P99_FLOOR = 100;
const P99_GOAL = 50;
/** How much faster than each reference, over all queries that it was asked, too. */
const GAIN_FLOOR = 10;

interface Query {
  kind: string;
  words: string[];
  isPrefix: boolean;
  in?: string;
  from?: string;
}

interface KindFigures {
  kind: string;
  p50Ms: number;
  p99Ms: number;
  /** Medians of those queries that they were asked; null: it cannot. */
  textMs: number | null;
  regexMs: number | null;
}

interface SearchResult {
  messages: number;
  queries: number;
  p50Ms: number;
  p99Ms: number;
  /** Time that a reference took over ours, summed over the same queries. */
  textGain: number;
  regexGain: number;
  kinds: KindFigures[];
}

export async function reportSearch({ quick, say }: RunOptions): Promise<Report> {
  const result = await benchSearch(quick, say);
  const { p50Ms, p99Ms, textGain, regexGain } = result;
  const meetsTime = p99Ms <= P99_FLOOR;
  const meetsGain = Math.min(textGain, regexGain) >= GAIN_FLOOR;
  const ms = (value: number | null): string =>
    (value === null ? '–' : `${value.toFixed(1)} ms`).padStart(10);
  return {
    met: meetsTime && meetsGain,
    figures: result,
    lines: [
      `${''.padEnd(20)}${['p50', 'p99', '$text', 'regex'].map((name) => name.padStart(10)).join('')}`,
      ...result.kinds.map(
        ({ kind, ...of }) =>
          `${kind.padEnd(20)}${[of.p50Ms, of.p99Ms, of.textMs, of.regexMs].map(ms).join('')}`,
      ),
      `all: p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms ` +
        `(${verdict(meetsTime, `${P99_FLOOR} ms`)}, goal ${P99_GOAL} ms)`,
      `faster than $text ${textGain.toFixed(0)} ×, than a regular expression ` +
        `${regexGain.toFixed(0)} × (${verdict(meetsGain, `${GAIN_FLOOR} ×`)})`,
      `on ${result.messages} messages, ${result.queries} queries over HTTP, one after the other`,
    ],
  };
}

async function benchSearch(quick: boolean, say: (line: string) => void): Promise<SearchResult> {
  const messages = quick ? 20_000 : 1_000_000;
  const [each, compared] = quick ? [20, 2] : [200, 5];
  pinGenerator();
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-bench-'));
  const secret = randomBytes(32).toString('hex');
  const mongodb = { uri: undefined, poolMin: 5, poolMax: 50 };
  const servers = await openMongodb({ dataDir, mongodb }, say);
  try {
    return await withDatabase(servers.mongodbUri, async (database) => {
      const { db, models } = database;
      const given = { name: 'search', users: 1_000, groups: 0, messages: 0, until: UNTIL };
      const plan = createPlan(given, '');
      const users = db.collection<{ _id: string }>(models.users.collection.collectionName);
      await users.insertMany(plan.users);
      say(`writing ${messages} messages and their terms, and their indexes`);
      const userIds = plan.users.map(({ _id }) => _id);
      const data = await fillForSearch(database, userIds, messages);
      const copy = await copyMessages(db, models.messages.collection.collectionName, say);
      const [login] = await openSessions(database, plan, secret);
      const queries = makeQueries(data, each);
      const env = { DATA_DIR: join(dataDir, 'parley'), JWT_SECRET: secret };
      const server = await startParley(
        { mongodbUri: servers.mongodbUri, redisUrl: undefined },
        env,
      );
      try {
        const ask = (query: Query) => search(server.url, login?.token ?? '', query);
        const conversationIds = data.own.map(({ _id }) => _id);
        return await measure({ messages, queries, compared, ask, copy, conversationIds, say });
      } finally {
        await server.stop();
      }
    });
  } finally {
    await servers.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** With an index of its own by conversation, and the text index. */
async function copyMessages(
  db: mongo.Db,
  name: string,
  say: (line: string) => void,
): Promise<mongo.Collection<MessageRecord>> {
  say('copying the messages for the references');
  await db
    .collection(name)
    .aggregate([{ $out: 'copy' }])
    .toArray();
  const copy = db.collection<MessageRecord>('copy');
  await copy.createIndex({ conversationId: 1, seq: 1 });
  say('building the text index of the copy');
  await copy.createIndex({ text: 'text' }, { default_language: 'none' });
  return copy;
}

function makeQueries({ vocabulary, own }: SearchData, each: number): Query[] {
  const random = createRandom('queries');
  const zipf = createSampler(zipfWeights(vocabulary.length));
  const ranked = (from: number, to: number): string =>
    vocabulary[from + random.below(to - from)] as string;
  const plain = { isPrefix: false };
  const kinds: (() => Query)[] = [
    () => ({ kind: 'a common word', words: [ranked(0, 50)], ...plain }),
    () => ({ kind: 'a rare word', words: [ranked(5_000, 40_000)], ...plain }),
    () => ({ kind: 'two words', words: [ranked(0, 300), ranked(100, 3_000)], ...plain }),
    () => ({ kind: 'two common words', words: [ranked(0, 20), ranked(20, 100)], ...plain }),
    () => {
      const word = vocabulary[zipf(random)] as string;
      return { kind: 'a beginning', words: [word.slice(0, 3)], isPrefix: true };
    },
    () => ({
      ...{ kind: 'in a conversation', words: [ranked(0, 200)], ...plain },
      in: random.pick(own)._id,
    }),
    () => ({
      ...{ kind: 'from a person', words: [ranked(0, 200)], ...plain },
      from: random.pick(random.pick(own).memberIds),
    }),
  ];
  return Array.from({ length: each }, () => kinds.map((make) => make())).flat();
}

async function search(url: string, token: string, query: Query): Promise<SearchHit[]> {
  const { words, in: conversation, from } = query;
  const parameters = new URLSearchParams({
    q: words.join(' '),
    ...(conversation === undefined ? {} : { in: conversation }),
    ...(from === undefined ? {} : { from }),
  });
  const response = await fetch(`${url}/api/messages/search?${parameters}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (response.status !== 200) throw new Error(`a search answered ${response.status}`);
  return (await response.json()) as SearchHit[];
}

async function measure(scene: {
  messages: number;
  queries: Query[];
  /** Queries of each kind that the references are asked, too. */
  compared: number;
  ask: (query: Query) => Promise<SearchHit[]>;
  copy: mongo.Collection<MessageRecord>;
  conversationIds: string[];
  say: (line: string) => void;
}): Promise<SearchResult> {
  const { queries, ask, say } = scene;
  say('warming up');
  for (const query of queries) await ask(query);
  say(`${queries.length} queries`);
  const ours: number[] = [];
  for (const query of queries) ours.push(await timed(() => ask(query)));
  const kinds = [...new Set(queries.map(({ kind }) => kind))];
  const sums = { text: [0, 0], regex: [0, 0] };
  const figures: KindFigures[] = [];
  for (const kind of kinds) {
    say(`the references: ${kind}`);
    const indexes = queries.flatMap((query, index) => (query.kind === kind ? [index] : []));
    const times = { text: [] as number[], regex: [] as number[] };
    for (const index of indexes.slice(0, scene.compared)) {
      const query = queries[index] as Query;
      for (const name of ['text', 'regex'] as const) {
        const filter = name === 'text' ? textFilter(query) : regexFilter(query);
        if (filter === undefined) continue;
        const read = () =>
          newest(scene.copy, { ...filter, ...within(query, scene.conversationIds) });
        const found = await read();
        const took = await timed(read);
        times[name].push(took);
        sums[name][0] = (sums[name][0] as number) + took;
        sums[name][1] = (sums[name][1] as number) + (ours[index] as number);
        // Phrases of $text are found within words, too.
        if (name === 'regex') requireAsMany(query, found.length, await ask(query));
      }
    }
    const own = indexes.map((index) => ours[index] as number);
    figures.push({
      ...{ kind, p50Ms: median(own), p99Ms: p99(own) },
      textMs: times.text.length === 0 ? null : median(times.text),
      regexMs: median(times.regex),
    });
  }
  const gain = ([theirs = 0, own = 1]: number[]): number => theirs / own;
  return {
    ...{ messages: scene.messages, queries: queries.length },
    ...{ p50Ms: median(ours), p99Ms: p99(ours) },
    ...{ textGain: gain(sums.text), regexGain: gain(sums.regex), kinds: figures },
  };
}

const within = ({ in: conversation, from }: Query, own: string[]) => ({
  conversationId: conversation ?? { $in: own },
  ...(from === undefined ? {} : { senderId: from }),
});
const textFilter = ({ words, isPrefix }: Query) =>
  isPrefix ? undefined : { $text: { $search: words.map((word) => `"${word}"`).join(' ') } };
const regexFilter = ({ words, isPrefix }: Query) => ({
  $and: words.map((word) => ({ text: new RegExp(`\\b${word}${isPrefix ? '' : '\\b'}`, 'i') })),
});
const newest = (copy: mongo.Collection<MessageRecord>, filter: mongo.Filter<MessageRecord>) =>
  copy.find(filter).sort({ _id: -1 }).limit(limits.searchDefault).toArray();

/** Otherwise they would not be comparable. Ours goes on with beginnings of the last word. */
function requireAsMany({ words }: Query, reference: number, hits: SearchHit[]): void {
  if (hits.length < reference) {
    throw new Error(`"${words.join(' ')}": ${hits.length} found instead of ${reference}`);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

const p99 = (times: number[]): number =>
  times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * 0.99))] ??
  Number.NaN;
