/** What the programs beside the server have in common: options, exit codes, the database. */
import { InvalidArgumentError } from 'commander';
import mongoose, { type Connection } from 'mongoose';
import { type Config, ConfigError, loadConfig } from '../../src/config.ts';
import { openMongodb } from '../../src/infra/embedded/servers.ts';
import { exitCodes, StartupError } from '../../src/infra/embedded/startup-error.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { connectMongo, databaseName, MongoUnusableError } from '../../src/infra/mongo.ts';
import { registerModels } from '../../src/models.ts';
import { tell } from './step.mjs';

const USAGE = 2;

/** For --help. */
export const exitCodesHelp =
  '\nExit codes: 0 done, 1 failed, 2 wrong usage, 69 the database cannot be reached, ' +
  '78 faults in the configuration.\n';

/** For commander's exitOverride: wrong usage ends with 2. */
export const endOnUsage = (error: { exitCode: number }): never =>
  process.exit(error.exitCode === 0 ? 0 : USAGE);

/** A parser for commander. */
export const wholeNumber = (least: number, most: number) => (text: string) => {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most)
    return value;
  throw new InvalidArgumentError(`give a whole number from ${least} to ${most}`);
};

/** The options do not go together, or are refused here. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The database as a program beside the server uses it. */
export interface Database {
  uri: string;
  /** For the stores; each operation has the server's time limits. */
  connection: Connection;
  /** All models are registered on the connection. */
  models: ReturnType<typeof registerModels>;
  /** For work that may take long; without time limits. */
  db: mongoose.mongo.Db;
}

export interface Program {
  config: Config;
  database: Database;
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP. */
  signal: AbortSignal;
}

/**
 * Runs the work of a program on the server's database (MONGODB_URI, else the private MongoDB of
 * DATA_DIR, whether a server runs on it or not) and ends the process with its exit code. The
 * first signal has the work aborted and everything closed, the next one ends at once.
 */
export async function runProgram(work: (program: Program) => Promise<number>): Promise<void> {
  const stop = new AbortController();
  let signalled = 0;
  for (const [name, number] of [
    ['SIGHUP', 1],
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(name, () => {
      if (signalled !== 0) process.exit(128 + number);
      signalled = number;
      tell('Stopping …');
      stop.abort();
    });
  }
  let exitCode: number;
  try {
    exitCode = await onDatabase(loadConfig(), stop.signal, work);
  } catch (error) {
    const { message, code } = explain(error);
    if (signalled === 0) tell(`\n${message}\n`);
    exitCode = code;
  }
  // Explicitly, because nothing that is still open may keep the process.
  process.exit(signalled === 0 ? exitCode : 128 + signalled);
}

async function onDatabase(
  config: Config,
  signal: AbortSignal,
  work: (program: Program) => Promise<number>,
): Promise<number> {
  const servers = await openMongodb(config, tell, signal);
  try {
    return await withDatabase(servers.mongodbUri, (database) => work({ config, database, signal }));
  } finally {
    await servers.close();
  }
}

/**
 * Connects to a MongoDB, and closes the connections after the work.
 * @throws MongoUnusableError when nothing answers there, or it is not a replica set.
 */
export async function withDatabase<T>(
  uri: string,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const log = createLogger('silent');
  const connection = await connectMongo(uri, { poolMin: 0, poolMax: 8 }, log);
  const client = new mongoose.mongo.MongoClient(uri, { serverSelectionTimeoutMS: 5_000 });
  try {
    const models = registerModels(connection);
    return await work({ uri, connection, models, db: client.db(databaseName(connection)) });
  } finally {
    await client.close();
    await connection.close();
  }
}

/** The words and the exit code for a program that failed. */
function explain(error: unknown): { message: string; code: number } {
  if (error instanceof StartupError) return { message: error.message, code: error.exitCode };
  if (error instanceof ConfigError)
    return { message: error.message, code: exitCodes.configuration };
  if (error instanceof UsageError) return { message: error.message, code: USAGE };
  if (error instanceof MongoUnusableError || isConnectionLost(error)) {
    return { message: (error as Error).message, code: exitCodes.dependencyDown };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { message, code: exitCodes.failed };
}

const isConnectionLost = (error: unknown): boolean =>
  error instanceof mongoose.mongo.MongoNetworkError ||
  error instanceof mongoose.mongo.MongoServerSelectionError;
