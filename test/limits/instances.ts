/** Servers with the limits as they are by default, and clients from any address. */
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { binaryCacheDir } from '../../src/config.ts';
import { type EmbeddedRedis, startRedis } from '../../src/infra/embedded/redis.ts';
import type { ProblemCode } from '../../src/protocol/problems.ts';
import {
  type ClientSocket,
  type ConnectOptions,
  call,
  connect,
  eventually,
  PASSWORD,
  type Person,
  personOf,
  type Response,
} from '../support/client.ts';
import { startTestCluster, startTestServer, uniqueName } from '../support/server.ts';

/** As by default, behind one proxy, so that a test can have an address of its own. */
export const standard = { RATE_LIMIT_SCALE: '1', TRUST_PROXY: '1' };

interface Started {
  urls: string[];
  close(): Promise<void>;
}

/** In each of these situations the same limits hold, to the same number. */
export const modes = [
  'two instances',
  'one instance without Redis',
  'one instance whose Redis is halted',
] as const;
export type Mode = (typeof modes)[number];

async function startInstances(mode: Mode): Promise<Started> {
  if (mode === 'two instances') {
    const cluster = await startTestCluster({ env: standard });
    return { urls: [cluster.a.url, cluster.b.url], close: cluster.close };
  }
  if (mode === 'one instance without Redis') {
    const server = await startTestServer({ env: standard, redisUrl: 'off' });
    return { urls: [server.url], close: server.close };
  }
  const redis = await startOwnRedis();
  const server = await startTestServer({ env: standard, redisUrl: redis.url });
  // Bull names its connection behind the start, and nobody awaits that when it is closed meanwhile.
  await eventually(async () => {
    const clients = String(await redis.command('CLIENT', 'LIST'));
    if (!clients.includes(':bull:')) throw new Error('the queue has not begun');
  });
  redis.halt();
  await untilRedis(server.url, 'down');
  return {
    urls: [server.url],
    close: async () => {
      redis.go();
      await server.close();
      await redis.close();
    },
  };
}

/** The instances of a block of tests, which start before it and end after it. */
export interface Instances {
  urls(): string[];
  /** Of another one each time. */
  url(): string;
  first(): string;
  last(): string;
  /** Opens a socket, which ends with the block. @throws what `connect_error` carries */
  open(to: string, person: Person, options?: ConnectOptions): Promise<ClientSocket>;
}

/** To be called in a `describe`. */
export function useInstances(mode: Mode): Instances {
  let started: Started | undefined;
  const sockets: ClientSocket[] = [];
  let next = 0;
  beforeAll(async () => {
    started = await startInstances(mode);
  });
  afterAll(async () => {
    for (const socket of sockets) socket.disconnect();
    await started?.close();
  });
  const urls = (): string[] => started?.urls ?? [];
  const at = (index: number): string => urls().at(index) ?? '';
  return {
    urls,
    url: () => at(next++ % urls().length),
    first: () => at(0),
    last: () => at(-1),
    open: async (to, person, options) => {
      const socket = await connect(to, person, options);
      sockets.push(socket);
      return socket;
    },
  };
}

/** Resolves when the instance knows how its Redis is. */
export const untilRedis = (url: string, state: 'up' | 'down'): Promise<void> =>
  eventually(async () => {
    const { body } = await call<{ redis: { status: string } }>(url, 'GET', '/health');
    if (body.redis.status !== state) throw new Error(`Redis is ${body.redis.status}`);
  });

/** An address that nobody else has. */
export const newAddress = (): string => `10.${randomInt(256)}.${randomInt(256)}.${randomInt(256)}`;

/** A new IPv6 subnet of a provider's customer, such as "2001:db8:5:1a". */
export const newSubnet = (): string => {
  const hex = randomBytes(3).toString('hex');
  return `2001:db8:${hex.slice(0, 4)}:${hex.slice(4)}`;
};

export const from = (address: string) => ({ 'x-forwarded-for': address });

export interface Refusal {
  code: ProblemCode;
  detail: string;
  retryAfter?: number;
}

/** Signs a new person up, from an address that is no one else's. */
export async function newPerson(url: string): Promise<Person> {
  const email = `${uniqueName('person')}@example.org`;
  const known = { fullName: 'Ann Example', email };
  const answer = await call<{ _id: string }>(url, 'POST', '/api/auth/signup', {
    body: { ...known, password: PASSWORD },
    headers: from(newAddress()),
  });
  if (answer.status !== 201) throw new Error(`sign-up answered ${answer.status}`);
  return personOf(answer, known);
}

/** Does it `count` times, one after the other; the numbers of each status. */
export async function repeat<T extends { status: number }>(
  count: number,
  work: (index: number) => Promise<T>,
): Promise<{ answers: T[]; last: T; counts: Record<number, number> }> {
  const answers: T[] = [];
  for (let index = 0; index < count; index++) answers.push(await work(index));
  return { answers, last: answers.at(-1) as T, counts: countsOf(answers) };
}

export function countsOf(answers: { status: number }[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** `"general"; r=99; t=60, "login"; …` as name -> parameters. */
export function structured(headers: Headers, name: string): Record<string, Record<string, string>> {
  const items = (headers.get(name) ?? '').split(/,\s*(?=")/).filter((item) => item !== '');
  return Object.fromEntries(
    items.map((item) => {
      const [label = '', ...parameters] = item.split(/;\s*/);
      const pairs = parameters.map((one) => [
        one.slice(0, one.indexOf('=')),
        one.slice(one.indexOf('=') + 1),
      ]);
      return [label.replaceAll('"', ''), Object.fromEntries(pairs)];
    }),
  );
}

/** The answer of one who was too fast, as the contract has it; the seconds to wait. */
export function retryAfterOf({ status, headers, body }: Response<unknown>): number {
  const { code, retryAfter } = body as Refusal;
  const header = Number(headers.get('retry-after'));
  const type = headers.get('content-type') ?? '';
  const isRight =
    status === 429 &&
    code === 'rate_limited' &&
    header >= 1 &&
    header === retryAfter &&
    type.startsWith('application/problem+json');
  if (!isRight) throw new Error(`no refusal: ${status} ${JSON.stringify(body)} ${type} ${header}`);
  return header;
}

/** A Redis of a test's own, which it may halt and empty. */
export interface OwnRedis {
  url: string;
  /** SIGSTOP: it is there and says nothing. */
  halt(): void;
  go(): void;
  command(...words: [string, ...string[]]): Promise<unknown>;
  /** Ends it, or starts it again on its port and data. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function startOwnRedis(): Promise<OwnRedis> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-redis-'));
  const launch = async (): Promise<EmbeddedRedis> => {
    const started = await startRedis({ dataDir, cacheDir: binaryCacheDir(), log: () => undefined });
    if (started === undefined) throw new Error('no Redis can be had on this machine');
    return started;
  };
  let server: EmbeddedRedis | undefined = await launch();
  const { url } = server;
  const signal = (name: NodeJS.Signals): void => {
    if (server !== undefined) process.kill(server.pid, name);
  };
  const stop = async (): Promise<void> => {
    signal('SIGCONT');
    await server?.close();
    server = undefined;
  };
  return {
    url,
    halt: () => signal('SIGSTOP'),
    go: () => signal('SIGCONT'),
    command: async (...words) => {
      const redis = new Redis(url);
      try {
        return await redis.call(...words);
      } finally {
        redis.disconnect();
      }
    },
    stop,
    start: async () => {
      server = await launch();
      if (server.url !== url) throw new Error(`Redis moved from ${url} to ${server.url}`);
    },
    close: async () => {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
