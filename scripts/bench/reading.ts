/**
 * Reading: the newest page of history against Express answering as many bytes, and the sidebar
 * against the same server without caches; then people who read and write at once, for the hits
 * of the caches and the commands that the database is spared. All in one run, servers on their
 * own core, requests with sessions, everything else as in production, but for the numbers of the
 * rate limits.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import jwt from 'jsonwebtoken';
import mongoose from 'mongoose';
import { createSearchStore } from '../../src/features/search/search.store.ts';
import { openServers } from '../../src/infra/embedded/servers.ts';
import { firstIdAt, newId } from '../../src/infra/mongo.ts';
import { type HttpFigures, type HttpLoad, httpLoad, request } from './http-load.ts';
import { type BenchServer, pinGenerator, startParley, startReference } from './processes.ts';
import { type Report, type RunOptions, verdict } from './report.ts';
import { median } from './send.ts';

const CONNECTIONS = 100;
/** With more at once, answers without caches take longer than a request may. */
const SIDEBAR_CONNECTIONS = 20;
const USERS = 1_000;
const CONVERSATIONS_EACH = 200;
/** Of each of the conversations whose history is read. */
const HISTORY = 120;
const READ_CONVERSATIONS = 100;

/** Answers a second of Express, at the least, as a share. */
const HISTORY_FLOOR = 0.6;
/** Milliseconds, at half of what is sustained. */
const HISTORY_P50 = 5;
/** How much faster the sidebar has to be with caches. */
const SIDEBAR_FLOOR = 10;
const HIT_FLOOR = 0.95;
/** Share of the database's commands that has to be spared. */
const SPARED_FLOOR = 0.8;

interface Person {
  _id: string;
  authorization: string;
}

/** What the three have in common: a server with data, and further ones as they need them. */
interface Scene {
  seconds: number;
  rounds: number;
  people: Person[];
  parley: HttpLoad;
  stopParley(): Promise<void>;
  url: string;
  db: mongoose.mongo.Db;
  /** The same server without caches. */
  withoutCaches(): Promise<{ url: string; load: HttpLoad }>;
  express(): Promise<HttpLoad>;
}

async function withScene<T>(
  { quick, say }: RunOptions,
  connections: number,
  work: (scene: Scene) => Promise<T>,
): Promise<T> {
  const users = quick ? 300 : USERS;
  const each = quick ? 60 : CONVERSATIONS_EACH;
  pinGenerator();
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-bench-'));
  const secret = randomBytes(32).toString('hex');
  const closers: (() => unknown)[] = [() => rm(dataDir, { recursive: true, force: true })];
  try {
    const servers = await openServers(
      { dataDir, mongodb: { uri: undefined, poolMin: 5, poolMax: 50 }, redisUrl: undefined },
      say,
    );
    closers.push(() => servers.close());
    const client = new mongoose.mongo.MongoClient(servers.mongodbUri);
    closers.push(() => client.close());
    await leaveOutTerms(servers.mongodbUri);
    const start = async (env: Record<string, string>): Promise<BenchServer> => {
      const server = await startParley(servers, {
        DATA_DIR: join(dataDir, 'parley'),
        JWT_SECRET: secret,
        ...env,
      });
      closers.push(server.stop);
      return server;
    };
    const { url, stop } = await start({});
    say(`${users} users, ${each} conversations each`);
    const people = await fillDatabase(client.db(), users, each, secret);
    return await work({
      seconds: quick ? 2 : 5,
      rounds: quick ? 1 : 3,
      people,
      url,
      db: client.db(),
      parley: httpLoad(url, connections),
      stopParley: stop,
      withoutCaches: async () => {
        const { url } = await start({ CACHE: 'off' });
        return { url, load: httpLoad(url, connections) };
      },
      express: async () => {
        const server = await startReference('express-server.ts');
        closers.push(server.stop);
        return httpLoad(server.url, connections);
      },
    });
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** Nothing is searched for, so the server need not look for what is written behind its back. */
async function leaveOutTerms(mongodbUri: string): Promise<void> {
  const connection = await mongoose.createConnection(mongodbUri).asPromise();
  await createSearchStore(connection).claimCompleteness();
  await connection.close();
}

/** Everybody reads the newest page of a conversation of theirs. */
export const reportHistory = (options: RunOptions): Promise<Report> =>
  withScene(options, CONNECTIONS, async ({ people, parley, express, seconds, rounds, url }) => {
    const pages = people
      .slice(0, READ_CONVERSATIONS)
      .map(({ authorization }, index) =>
        request('GET', `/api/messages/${partnerAt(people, index)}`, { authorization }),
      );
    const next = inTurn(pages);
    const warm = await parley.closed(next, seconds);
    sound(warm);
    const bytes = Math.round(warm.bytes / warm.answers);
    const constant = request('GET', `/constant?bytes=${bytes}`, {});
    const reference = await express();
    await reference.closed(() => constant, seconds);
    const rates = { parley: [] as number[], express: [] as number[] };
    const before = await cacheCounts(url);
    for (let round = 1; round <= rounds; round++) {
      rates.express.push(sound(await reference.closed(() => constant, seconds)).rate);
      rates.parley.push(sound(await parley.closed(next, seconds)).rate);
      options.say(`round ${round}: Express ${shown(rates.express)}, Parley ${shown(rates.parley)}`);
    }
    const calm = sound(await parley.open(next, median(rates.parley) / 2, seconds));
    const hits = hitRates(before, await cacheCounts(url));
    const ratio = median(rates.parley.map((rate, round) => rate / (rates.express[round] ?? rate)));
    return {
      met: ratio >= HISTORY_FLOOR && calm.p50 < HISTORY_P50 && hits.all >= HIT_FLOOR,
      figures: { bytes, ...rates, ratio, p50: calm.p50, p99: calm.p99, hitRate: hits.all },
      lines: [
        `Express, constant JSON of ${bytes} bytes: ${rounded(rates.express)} a second`,
        `Parley, the newest 50 messages:      ${rounded(rates.parley)} a second`,
        `ratio: ${ratio.toFixed(2)} (${verdict(ratio >= HISTORY_FLOOR, String(HISTORY_FLOOR))})`,
        `p50 at half of that: ${calm.p50.toFixed(1)} ms ` +
          `(${verdict(calm.p50 < HISTORY_P50, `${HISTORY_P50} ms`)}), p99 ${calm.p99.toFixed(1)} ms`,
        `hits of the caches: ${percent(hits.all)} (${verdict(hits.all >= HIT_FLOOR, percent(HIT_FLOOR))})`,
      ],
    };
  });

/** Everybody reads their sidebar in turn. */
export const reportSidebar = (options: RunOptions): Promise<Report> =>
  withScene(
    options,
    SIDEBAR_CONNECTIONS,
    async ({ people, parley, withoutCaches, seconds, rounds, db }) => {
      const next = inTurn(
        people.map(({ authorization }) => request('GET', '/api/messages/users', { authorization })),
      );
      const { load: plain } = await withoutCaches();
      const warm = await warmUp(parley, next, people.length, seconds);
      sound(await plain.closed(next, seconds));
      const rates = { parley: [] as number[], withoutCaches: [] as number[] };
      const commands = { parley: [] as number[], withoutCaches: [] as number[] };
      for (let round = 1; round <= rounds; round++) {
        const without = await counted(db, () => plain.closed(next, seconds));
        const held = await counted(db, () => parley.closed(next, seconds));
        rates.withoutCaches.push(without.figures.rate);
        rates.parley.push(held.figures.rate);
        commands.withoutCaches.push(without.commands);
        commands.parley.push(held.commands);
        options.say(
          `round ${round}: without caches ${shown(rates.withoutCaches)}, with ${shown(rates.parley)}`,
        );
      }
      const ratio = median(
        rates.parley.map((rate, round) => rate / (rates.withoutCaches[round] ?? rate)),
      );
      const spared = 1 - median(commands.parley) / median(commands.withoutCaches);
      const bytes = Math.round(warm.bytes / warm.answers);
      return {
        met: ratio >= SIDEBAR_FLOOR && spared >= SPARED_FLOOR,
        figures: { bytes, ...rates, ratio, commands, spared },
        lines: [
          `without caches: ${rounded(rates.withoutCaches)} a second`,
          `with caches:    ${rounded(rates.parley)} a second, ${bytes} bytes each`,
          `ratio: ${ratio.toFixed(1)} (${verdict(ratio >= SIDEBAR_FLOOR, `${SIDEBAR_FLOOR} ×`)})`,
          `commands to MongoDB: ${median(commands.parley).toFixed(2)} per request, without caches ` +
            `${median(commands.withoutCaches).toFixed(2)}: ${percent(spared)} spared ` +
            `(${verdict(spared >= SPARED_FLOOR, percent(SPARED_FLOOR))})`,
        ],
      };
    },
  );

/** Reading and writing at once, at a rate that both can hold. */
export const reportMixed = (options: RunOptions): Promise<Report> =>
  withScene(options, CONNECTIONS, async (scene) => {
    const { people, parley, stopParley, withoutCaches, seconds, url, db } = scene;
    const next = mixedLoad(people);
    const rate = options.quick ? 50 : 150;
    // Everybody opens the client, and goes on for a while: first readings are not what is measured.
    const opened = people.flatMap(({ authorization }, index) => [
      request('GET', '/api/messages/users', { authorization }),
      request('GET', `/api/messages/${partnerAt(people, index)}`, { authorization }),
    ]);
    await warmUp(parley, inTurn(opened), opened.length, seconds);
    await warmUp(parley, next, opened.length, seconds);
    await untilFindable(url);
    const before = await cacheCounts(url);
    const held = await counted(db, () => parley.open(next, rate, seconds * 4));
    const hits = hitRates(before, await cacheCounts(url));
    // One after the other: two instances would share the writing, and each asks for changes.
    await stopParley();
    const plain = await withoutCaches();
    await warmUp(plain.load, next, opened.length, seconds);
    await untilFindable(plain.url);
    const without = await counted(db, () => plain.load.open(next, rate, seconds * 4));
    for (const { figures } of [held, without]) sound(figures);
    const spared = 1 - held.commands / without.commands;
    // Of each: a sidebar asks for hundreds of copies, and would hide what pages miss.
    const lowest = Math.min(...Object.values(hits.byCache));
    return {
      met: lowest >= HIT_FLOOR && spared >= SPARED_FLOOR,
      figures: { rate, hitRate: hits.all, hitRates: hits.byCache, held, without, spared },
      lines: [
        `at ${rate} requests a second: p50 ${held.figures.p50.toFixed(1)} ms, p99 ` +
          `${held.figures.p99.toFixed(1)} ms; without caches p50 ${without.figures.p50.toFixed(1)} ms`,
        `hits of the caches: ${percent(hits.all)}, of the worst ${percent(lowest)} ` +
          `(${verdict(lowest >= HIT_FLOOR, percent(HIT_FLOOR))})`,
        ...Object.entries(hits.byCache).map(([cache, share]) => `  ${cache}: ${percent(share)}`),
        `commands to MongoDB: ${held.commands.toFixed(2)} per request, without caches ` +
          `${without.commands.toFixed(2)}: ${percent(spared)} spared ` +
          `(${verdict(spared >= SPARED_FLOOR, percent(SPARED_FLOOR))})`,
      ],
    };
  });

/** When the conversations of all were written, in the time before the run. */
const WRITTEN_MS = 24 * 60 * 60_000;

/** People, the conversations of each with the next ones in a circle, and their messages. */
async function fillDatabase(
  db: mongoose.mongo.Db,
  users: number,
  each: number,
  secret: string,
): Promise<Person[]> {
  const now = new Date();
  const ids = Array.from({ length: users }, () => newId());
  const sessions = ids.map((userId) => ({ _id: newId(), userId }));
  const expiresAt = new Date(now.getTime() + 24 * 60 * 60_000);
  await insert(
    db,
    'users',
    ids.map((_id, index) => ({
      ...{ _id, fullName: `Person ${index}`, email: `person-${index}@example.org` },
      ...{ passwordHash: '-', profilePic: '', terms: ['person', `${index}`] },
      ...{ createdAt: now, lastSeenAt: now, changedAt: now },
    })),
  );
  await insert(
    db,
    'sessions',
    sessions.map((session) => ({
      ...session,
      ...{ userAgent: 'bench', createdAt: now, lastUsedAt: now, expiresAt },
    })),
  );
  const text = 'x'.repeat(200);
  let written = 0;
  for (let index = 0; index < users; index++) {
    const conversations: object[] = [];
    const memberships: object[] = [];
    const messages: object[] = [];
    // Half of them ahead in the circle; the other half are those of whom this one is ahead.
    for (let step = 1; step <= each / 2; step++) {
      const pair = [ids[index] ?? '', ids[(index + step) % users] ?? ''].sort();
      const [a = '', b = ''] = pair;
      const conversationId = pair.join('-');
      const count = step === 1 && index < READ_CONVERSATIONS ? HISTORY : 1;
      // Spread, as what people wrote is; a server that starts looks again at the last minute.
      const conversation = (index * each) / 2 + step;
      const at = new Date(
        now.getTime() - WRITTEN_MS * (1 - conversation / ((users * each) / 2 + 1)),
      );
      let lastId = '';
      for (let seq = 1; seq <= count; seq++) {
        lastId = firstIdAt(at).slice(0, 8) + (++written).toString(16).padStart(16, '0');
        messages.push({
          ...{ _id: lastId, conversationId, seq, senderId: seq % 2 === 0 ? a : b },
          ...{ clientId: lastId, text, contentHash: '-', rev: 0, createdAt: at, updatedAt: at },
        });
      }
      const last = { seq: count, id: lastId, at };
      conversations.push({
        ...{ _id: conversationId, kind: 'direct', last, rev: 0, headAt: at, sent: { [b]: count } },
        ...{ membersVersion: 0, createdAt: at },
      });
      for (const userId of pair) {
        memberships.push({
          ...{ _id: newId(), conversationId, userId, role: 'member', joinedAt: at },
          ...{ fromSeq: 0, readSeq: 0 },
        });
      }
    }
    await insert(db, 'conversations', conversations);
    await insert(db, 'memberships', memberships);
    await insert(db, 'messages', messages);
  }
  const seconds = (time: Date): number => Math.floor(time.getTime() / 1_000);
  return sessions.map(({ _id: sid, userId: sub }) => {
    const claims = { sid, sub, iat: seconds(now), exp: seconds(expiresAt) };
    return { _id: sub, authorization: `Bearer ${jwt.sign(claims, secret)}` };
  });
}

async function insert(db: mongoose.mongo.Db, name: string, documents: object[]): Promise<void> {
  if (documents.length === 0) return;
  await db.collection(name).insertMany(documents, { ordered: false, writeConcern: { w: 1 } });
}

/**
 * Of a hundred requests 60 of newest pages, 10 of older ones, 10 sidebars, 15 messages and 5
 * reading positions; a fifth of the people does four fifths of it.
 */
function mixedLoad(people: Person[]): () => Buffer {
  const users = people.length;
  let turn = 0;
  return () => {
    turn++;
    const busy = Math.random() < 0.8;
    const index = Math.floor(Math.random() * (busy ? READ_CONVERSATIONS : users));
    const { authorization = '' } = people[index] ?? {};
    const path = `/api/messages/${partnerAt(people, index)}`;
    const kind = (turn * 37) % 100;
    // Only these have more than a page.
    const isLong = index < READ_CONVERSATIONS;
    if (kind < 60 || (kind < 70 && !isLong)) return request('GET', path, { authorization });
    if (kind < 70) return request('GET', `${path}?before=71`, { authorization });
    if (kind < 80) return request('GET', '/api/messages/users', { authorization });
    if (kind < 95) {
      const body = { text: 'Words of a usual length, as people write them to each other.' };
      const partner = partnerAt(people, index);
      return request('POST', `/api/messages/send/${partner}`, { authorization }, body);
    }
    const seq = isLong ? HISTORY : 1;
    return request('POST', `${path}/read`, { authorization }, { seq });
  };
}

/** With whom somebody has a conversation: the next one in the circle. */
const partnerAt = (people: Person[], index: number): string =>
  people[(index + 1) % people.length]?._id ?? '';

const COUNTED_COMMANDS = [
  ...['find', 'aggregate', 'count', 'distinct', 'hello'],
  ...['insert', 'update', 'delete', 'findAndModify', 'commitTransaction'],
];

/** Runs a load; tells the commands that MongoDB got per request, those of the poll included. */
async function counted(
  db: mongoose.mongo.Db,
  run: () => Promise<HttpFigures>,
): Promise<{ figures: HttpFigures; commands: number }> {
  const count = async (): Promise<number> => {
    // Not by opcounters, which count what is written: a batch is one command.
    const { metrics } = await db.admin().command({ serverStatus: 1 });
    const totals = metrics.commands as Record<string, { total: unknown }>;
    return COUNTED_COMMANDS.reduce((sum, name) => sum + Number(totals[name]?.total ?? 0), 0);
  };
  const before = await count();
  const figures = await run();
  return { figures, commands: ((await count()) - before) / figures.answers };
}

/** What was written before is no part of what is measured next. */
async function untilFindable(url: string): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  for (;;) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const waiting = ['chat_search_pending', 'chat_search_behind_seconds'].map((name) =>
      Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1]),
    );
    if (waiting.every((value) => value === 0)) return;
    if (performance.now() > giveUpAt) throw new Error('terms of messages are still written');
    await delay(100);
  }
}

/** Until so many were answered, everybody for instance. */
async function warmUp(
  load: HttpLoad,
  next: () => Buffer,
  answers: number,
  seconds: number,
): Promise<HttpFigures> {
  let left = answers;
  for (;;) {
    const figures = await load.closed(next, seconds);
    sound(figures);
    left -= figures.answers;
    if (left <= 0) return figures;
  }
}

type Counts = Map<string, { hit: number; all: number }>;

/** Of each cache: what either level answered, and what both were asked in all. */
async function cacheCounts(url: string): Promise<Counts> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const counts: Counts = new Map();
  for (const line of text.split('\n')) {
    if (!line.startsWith('chat_cache_requests_total{')) continue;
    const label = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(line)?.[1] ?? '';
    const value = Number(line.split(' ').at(-1));
    const known = counts.get(label('cache')) ?? { hit: 0, all: 0 };
    if (label('result') === 'hit') known.hit += value;
    // Whoever asks Redis has asked the process before.
    if (label('tier') === 'process') known.all += value;
    counts.set(label('cache'), known);
  }
  return counts;
}

function hitRates(before: Counts, after: Counts): { all: number; byCache: Record<string, number> } {
  const byCache: Record<string, number> = {};
  let hit = 0;
  let all = 0;
  for (const [cache, counts] of after) {
    const hits = counts.hit - (before.get(cache)?.hit ?? 0);
    const asked = counts.all - (before.get(cache)?.all ?? 0);
    if (asked === 0) continue;
    byCache[cache] = hits / asked;
    hit += hits;
    all += asked;
  }
  return { all: hit / all, byCache };
}

/** @throws Error when something else was answered than what was asked for */
function sound(figures: HttpFigures): HttpFigures {
  if (figures.refused > 0) throw new Error(`${figures.refused} answers were no 2xx`);
  return figures;
}

function inTurn<T>(list: T[]): () => T {
  let next = 0;
  return () => list[next++ % list.length] as T;
}

const rounded = (rates: number[]): string => rates.map((rate) => Math.round(rate)).join(', ');
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const shown = (rates: number[]): string => `${Math.round(rates.at(-1) ?? 0)}/s`;
