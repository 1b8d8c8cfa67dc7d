/**
 * The MongoDB connection: one pool per application, majority and journal for every write,
 * a time limit on every wait. Ids are 24 hexadecimal digits and are stored as the strings
 * that travel, so that neither the read nor the write path converts them.
 */
import mongoose, { type Connection } from 'mongoose';
import type { Config } from '../config.ts';
import { createIndex, declaredCollections, declaredIndexes, describeIndex } from './indexes.ts';
import { TimeLimitError, withLimit } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { EndingConnection } from './mongo-connection.ts';
import type { PoolMonitor } from './mongo-pool.ts';

const SERVER_SELECTION_MS = 2_000;
/**
 * An answer that takes longer is given up, with its socket. The driver's own `timeoutMS` is no
 * longer in effect (mongodb 7.8), so the limits are the socket's and the write concern's.
 */
const OPERATION_MS = 4_000;
const POOL_WAIT_MS = 1_000;
const TRANSACTION_MS = 4_500;
/** How long a start waits for a database that is starting, too. */
const FIRST_CONNECT_MS = 15_000;

/** The database cannot be used; the message says what to do. Programs end with exit code 69. */
export class MongoUnusableError extends Error {
  override name = 'MongoUnusableError';
}

/** A new id: 24 hexadecimal digits that grow with time. */
export const newId = (): string => new mongoose.Types.ObjectId().toHexString();

/** When an id was made, to the second. */
export const idTime = (id: string): Date => new Date(Number.parseInt(id.slice(0, 8), 16) * 1_000);

/** The least id that can be made at a time. */
export const firstIdAt = (time: Date): string =>
  mongoose.Types.ObjectId.createFromTime(Math.floor(time.getTime() / 1_000)).toHexString();

/** MongoDB's code for a value that a unique index already holds. */
export const isDuplicateKey = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 11_000;

/** The driver knows the option; its types do not. */
const mended: mongoose.ConnectOptions = { connectionType: EndingConnection } as object;

/**
 * Connects, retrying for 15 s.
 * @throws MongoUnusableError when nothing answers there, or it is not a replica set.
 */
export async function connectMongo(
  uri: string,
  pool: Pick<Config['mongodb'], 'poolMin' | 'poolMax'>,
  log: Logger,
  monitor?: PoolMonitor,
): Promise<Connection> {
  const deadline = Date.now() + FIRST_CONNECT_MS;
  for (;;) {
    // A client whose first connect failed stays unusable, so each try makes a new one.
    const connection = mongoose.createConnection(uri, {
      ...mended,
      minPoolSize: pool.poolMin,
      maxPoolSize: pool.poolMax,
      serverSelectionTimeoutMS: SERVER_SELECTION_MS,
      waitQueueTimeoutMS: POOL_WAIT_MS,
      socketTimeoutMS: OPERATION_MS,
      // On the connection, because mongoose does not send a schema's writeConcern with
      // insertMany and bulkWrite.
      writeConcern: { w: 'majority', journal: true, wtimeoutMS: OPERATION_MS },
      autoIndex: false,
      autoCreate: false,
      bufferCommands: false,
      appName: 'parley',
    });
    // Without a listener the event would be thrown; what fails here is reported below.
    connection.on('error', () => undefined);
    monitor?.watch(connection.getClient());
    try {
      await connection.asPromise();
      await refuseStandalone(connection);
      connection.on('error', (error) => log.error({ err: error }, 'MongoDB connection error'));
      return connection;
    } catch (error) {
      await connection.close().catch(() => undefined);
      if (error instanceof MongoUnusableError) throw error;
      if (Date.now() > deadline || !isWorthRetrying(error)) {
        throw new MongoUnusableError(
          `MongoDB cannot be reached at ${withoutPassword(uri)}: ${(error as Error).message}\n` +
            'Check MONGODB_URI and that the server runs, or leave MONGODB_URI out to use a private one.',
          { cause: error },
        );
      }
      log.warn({ reason: (error as Error).message }, 'MongoDB does not answer yet; trying again');
    }
  }
}

const isWorthRetrying = (error: unknown): boolean =>
  error instanceof Error && /ServerSelection|Network|Timeout/.test(error.name);

async function refuseStandalone(connection: Connection): Promise<void> {
  const hello = await connection.db?.admin().command({ hello: 1 });
  if (hello?.setName === undefined && hello?.msg !== 'isdbgrid') {
    throw new MongoUnusableError(
      'The MongoDB at MONGODB_URI is a standalone server. Parley needs a replica set, and one ' +
        'member is enough: start mongod with --replSet rs0, then once run\n' +
        "  mongosh --eval 'rs.initiate()'\nand add ?replicaSet=rs0 to MONGODB_URI.",
    );
  }
}

/** The URI as it may be shown and logged. */
function withoutPassword(uri: string): string {
  return uri.replace(/\/\/([^:@/]+):[^@/]*@/, '//$1:***@');
}

/** The database's name; also keeps deployments apart that share one Redis. */
export function databaseName(connection: Connection): string {
  return connection.db?.databaseName ?? 'parley';
}

/**
 * Creates the indexes of all models of the connection, over a client of its own: building one
 * on a large collection takes longer than any other operation may. What other instances build
 * at this moment is waited for.
 * @throws MongoUnusableError when an index exists with other options; nothing is dropped here.
 */
export async function createIndexes(connection: Connection, uri: string): Promise<void> {
  const client = new mongoose.mongo.MongoClient(uri, {
    serverSelectionTimeoutMS: SERVER_SELECTION_MS,
  });
  try {
    const db = client.db(databaseName(connection));
    // Also without any index: a change stream and a transaction want the collection to exist.
    for (const name of declaredCollections(connection)) await createCollection(db, name);
    for (const index of declaredIndexes(connection)) {
      await createIndex(db, index).catch((error: unknown) => {
        if (!isIndexConflict(error)) throw error;
        throw new MongoUnusableError(
          `An index is not as Parley needs it: ${describeIndex(index)}\n` +
            `  ${(error as Error).message}\n` +
            '  What differs: npm run indexes -- --check\n' +
            '  Replace it:   npm run indexes -- --drop-unknown',
          { cause: error },
        );
      });
    }
  } finally {
    await client.close();
  }
}

/** Makes a collection; no error when it exists, for example made by another instance just now. */
export async function createCollection(db: mongoose.mongo.Db, name: string): Promise<void> {
  await db.createCollection(name).catch((error: unknown) => {
    if (codeOf(error) !== NAMESPACE_EXISTS) throw error;
  });
}

const NAMESPACE_EXISTS = 48;
const INDEX_OPTIONS_CONFLICT = 85;
const INDEX_KEY_SPECS_CONFLICT = 86;

const isIndexConflict = (error: unknown): boolean =>
  [INDEX_OPTIONS_CONFLICT, INDEX_KEY_SPECS_CONFLICT].includes(codeOf(error) as number);

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

/** A transaction under way; stores pass it on to the driver, services only carry it. */
export type Transaction = mongoose.mongo.ClientSession;

/** Runs `work` in a transaction; it may run again after a conflict with another one. */
export type Transact = <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;

/**
 * Transactions on a connection, with its write concern.
 * @throws TimeLimitError after 4.5 s; whether it was committed is then unknown.
 */
export const transactOn =
  (connection: Connection): Transact =>
  async (work) => {
    const session = await connection.startSession();
    const giveUpAt = performance.now() + TRANSACTION_MS;
    const done = session
      .withTransaction(() => {
        // The driver itself would try again for two minutes, long after the caller was refused.
        if (performance.now() > giveUpAt) throw new TimeLimitError('a transaction took too long');
        return work(session);
      })
      .finally(() => session.endSession());
    return withLimit(done, TRANSACTION_MS, 'a transaction');
  };

/** A name that no other deployment has: made once, and kept in its database. */
export async function deploymentId(connection: Connection): Promise<string> {
  const collection = connection.collection<{ _id: string; value: string }>('deployment');
  const made = await collection.findOneAndUpdate(
    { _id: 'id' },
    { $setOnInsert: { value: newId() } },
    { upsert: true, returnDocument: 'after' },
  );
  if (made === null) throw new Error('the id of the deployment was not stored');
  return made.value;
}

/** What the primary's clock says. */
export async function databaseTime(connection: Connection): Promise<Date> {
  const { localTime } = await connection.getClient().db('admin').command({ hello: 1 });
  return localTime as Date;
}

/** Whether a primary answers within a second. */
export async function isReachable(connection: Connection): Promise<boolean> {
  try {
    const ping = Promise.resolve(connection.db?.admin().command({ ping: 1 }));
    await withLimit(ping, 1_000, 'a ping of MongoDB');
    return true;
  } catch {
    // The answer is the point; /health reports it.
    return false;
  }
}

/**
 * Calls back each time there is a primary again: whatever was written without waiting for a
 * majority may be gone.
 */
export function onPrimaryReturned(connection: Connection, handler: () => void): void {
  let had = true;
  connection.getClient().on('topologyDescriptionChanged', ({ newDescription }) => {
    const has = [...newDescription.servers.values()].some(({ type }) => type === 'RSPrimary');
    if (has && !had) handler();
    had = has;
  });
}
