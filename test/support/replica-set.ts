/** A MongoDB of a test's own: a primary, and a secondary that the test may hold up, halt and kill. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mongo } from 'mongoose';
import { binaryCacheDir } from '../../src/config.ts';
import { recordedBinary } from '../../src/infra/embedded/binary.ts';
import { startMongod } from '../../src/infra/embedded/mongod.ts';
import { spawnServer, tryPorts, untilReady } from '../../src/infra/embedded/server-process.ts';

export interface ReplicaSet {
  /** Without a database; names the set, so that a client finds both members. */
  uri: string;
  /** "127.0.0.1:port", as command monitoring names it. */
  secondary: string;
  /** What the primary has, without a server of ours. */
  inDatabase(name: string, work: (db: mongo.Db) => Promise<void>): Promise<void>;
  /** It lags: it answers, and takes nothing new over. */
  holdUp(): Promise<void>;
  catchUp(): Promise<void>;
  /** SIGSTOP: it is there and says nothing. */
  halt(): void;
  go(): void;
  /** SIGKILL; it does not come back. */
  kill(): void;
  close(): Promise<void>;
}

/** The secondary has no vote, so that writes are committed without it. */
export async function startReplicaSet(): Promise<ReplicaSet> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-set-'));
  const log = (): void => undefined;
  const first = await startMongod({ dataDir, cacheDir: binaryCacheDir(), log, cacheGb: 0.25 });
  const primary = new URL(first.uri).host;
  const binary = await recordedBinary(join(dataDir, 'mongodb'));
  if (binary === undefined) throw new Error('the private MongoDB did not note its binary');
  const folder = await mkdtemp(join(dataDir, 'secondary-'));
  const logFile = join(dataDir, 'secondary.log');
  const { server, port } = await tryPorts(dataDir, 'secondary', logFile, async (port) => {
    const server = await spawnServer({
      name: 'MongoDB',
      file: binary.path,
      args: [
        ...['--dbpath', folder, '--port', String(port), '--bind_ip', '127.0.0.1'],
        ...['--replSet', 'parley', '--oplogSize', '64', '--wiredTigerCacheSizeGB', '0.25'],
        // For failpoints.
        ...['--nounixsocket', '--quiet', '--setParameter', 'enableTestCommands=1'],
      ],
      folder,
      logFile,
    });
    return { server, port };
  });
  const secondary = `127.0.0.1:${port}`;
  const options = { name: 'MongoDB', server, logFile, limitMs: 30_000 };

  async function run(
    host: string,
    work: (db: mongo.Db) => Promise<void>,
    name = 'admin',
  ): Promise<void> {
    const client = new mongo.MongoClient(`mongodb://${host}/?directConnection=true`);
    try {
      await work(client.db(name));
    } finally {
      await client.close();
    }
  }
  const setFailPoint = (mode: 'alwaysOn' | 'off') =>
    run(secondary, async (admin) => {
      await admin.command({ configureFailPoint: 'rsSyncApplyStop', mode });
    });
  let isAlive = true;
  void server.ended.then(() => {
    isAlive = false;
  });
  const signal = (name: NodeJS.Signals): void => {
    if (isAlive) process.kill(server.pid, name);
  };

  await run(primary, async (admin) => {
    const { config } = await admin.command({ replSetGetConfig: 1 });
    config.version++;
    config.members.push({ _id: 1, host: secondary, votes: 0, priority: 0 });
    await untilReady(options, () =>
      admin.command({ replSetReconfig: config }).then(
        () => true,
        // Until the new member listens.
        () => undefined,
      ),
    );
    await untilReady(options, async () => {
      const { members } = await admin.command({ replSetGetStatus: 1 });
      return members[1]?.stateStr === 'SECONDARY' ? true : undefined;
    });
  });
  return {
    uri: first.uri,
    secondary,
    inDatabase: (name, work) => run(primary, work, name),
    holdUp: () => setFailPoint('alwaysOn'),
    catchUp: async () => {
      if (isAlive) await setFailPoint('off');
    },
    halt: () => signal('SIGSTOP'),
    go: () => signal('SIGCONT'),
    kill: () => signal('SIGKILL'),
    close: async () => {
      signal('SIGCONT');
      await server.stop();
      await first.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
