/** The databases of one application: those that are configured, private ones for the rest. */
import { binaryCacheDir, type Config } from '../../config.ts';
import { ensureFolder } from './data-dir.ts';
import { DataDirHeldError, lockDataDir } from './lock.ts';
import { findRunningMongod, startMongod } from './mongod.ts';
import { startRedis } from './redis.ts';
import { StartupError } from './startup-error.ts';

/** Where the databases are, and how to let go of them. */
export interface Servers {
  mongodbUri: string;
  /** Undefined: the application runs without Redis. */
  redisUrl: string | undefined;
  /** Ends the private servers, Redis first, then gives DATA_DIR free. Never rejects. */
  close(): Promise<void>;
}

/**
 * Starts the databases that are not configured, and takes DATA_DIR for this process when there
 * are any.
 * @throws StartupError with everything already given back.
 */
export async function openServers(
  config: Pick<Config, 'dataDir' | 'mongodb' | 'redisUrl'>,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<Servers> {
  const isPrivate = config.mongodb.uri === undefined || config.redisUrl === undefined;
  // Instances whose databases are elsewhere share the folder: each upload is a file of its own.
  const lock = isPrivate ? await lockDataDir(config.dataDir) : undefined;
  const shared = {
    dataDir: lock?.folder ?? (await ensureFolder(config.dataDir)),
    cacheDir: binaryCacheDir(),
    log,
    signal,
  };
  const died = (name: string) => (how: string) =>
    log(
      `The private ${name} ended unexpectedly (${how}); see ${name.toLowerCase()}.log in DATA_DIR`,
    );

  const [mongod, redis] = await Promise.allSettled([
    config.mongodb.uri === undefined
      ? startMongod({ ...shared, onExit: died('MongoDB') })
      : undefined,
    config.redisUrl === undefined ? startRedis({ ...shared, onExit: died('Redis') }) : undefined,
  ]);
  const close = async () => {
    if (redis.status === 'fulfilled') await redis.value?.close();
    if (mongod.status === 'fulfilled') await mongod.value?.close();
    await lock?.release();
  };
  const failed = [mongod, redis].find((result) => result.status === 'rejected');
  const mongodbUri =
    config.mongodb.uri ?? (mongod.status === 'fulfilled' ? mongod.value?.uri : undefined);
  if (failed || mongodbUri === undefined) {
    await close();
    throw failed?.reason;
  }
  const own = redis.status === 'fulfilled' ? redis.value?.url : undefined;
  return {
    mongodbUri,
    redisUrl: config.redisUrl === 'off' ? undefined : (config.redisUrl ?? own),
    close,
  };
}

/**
 * MongoDB alone, for programs beside the application: the configured one, else the private one,
 * which a running application on the same DATA_DIR has, or which is started.
 * @throws StartupError as openServers, and when that application uses another MongoDB.
 */
export async function openMongodb(
  config: Pick<Config, 'dataDir' | 'mongodb'>,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<Pick<Servers, 'mongodbUri' | 'close'>> {
  try {
    return await openServers({ ...config, redisUrl: 'off' }, log, signal);
  } catch (error) {
    if (!(error instanceof DataDirHeldError)) throw error;
    const mongodbUri = await findRunningMongod(await ensureFolder(config.dataDir), signal);
    if (mongodbUri !== undefined) return { mongodbUri, close: async () => undefined };
    throw new StartupError(
      `${error.message}\n  It has no private MongoDB there: set MONGODB_URI to the one it uses.`,
    );
  }
}
