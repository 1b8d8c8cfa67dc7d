/** Real servers for the tests: on a free port, each with its own database and data folder. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { inject } from 'vitest';
import { type AppConfig, type AppOverrides, createApp } from '../../src/app.ts';
import { parseConfig } from '../../src/config.ts';
import { createDatabaseName, dropDatabase } from './database.ts';

export { uniqueName } from './names.ts';

export interface TestServer {
  url: string;
  config: AppConfig;
  close(): Promise<void>;
}

export interface TestServerOptions {
  /** Shared by the instances of one cluster; absent: one of its own. */
  database?: string;
  /** Shared by the instances of one cluster; absent: one of its own. */
  dataDir?: string;
  /** Another way to the tests' MongoDB. */
  mongodbUri?: string;
  /** 'off': without Redis. */
  redisUrl?: string;
  /** Further environment variables. */
  env?: Record<string, string>;
  overrides?: AppOverrides;
}

/** Starts one server; `close` also removes what it stored, unless that is shared. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const database = options.database ?? createDatabaseName();
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'parley-test-')));
  const config = parseConfig({
    PORT: '0',
    DATA_DIR: dataDir,
    BCRYPT_COST: '4',
    LOG_LEVEL: 'silent',
    MONGODB_POOL_MIN: '1',
    // Tests of the limits themselves say 1.
    RATE_LIMIT_SCALE: '1000',
    JWT_SECRET: 'a secret of the tests that is long enough',
    ...options.env,
  });
  const uri = new URL(options.mongodbUri ?? inject('mongodbUri'));
  uri.pathname = `/${database}`;
  const appConfig: AppConfig = {
    ...config,
    mongodb: { ...config.mongodb, uri: uri.href },
    redisUrl: options.redisUrl ?? inject('redisUrl'),
  };
  const log = pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' });
  const app = await createApp(appConfig, { log, ...options.overrides });
  return {
    url: app.url,
    config: appConfig,
    close: async () => {
      await app.close();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
      if (options.database === undefined) await dropDatabase(database);
    },
  };
}

export interface TestCluster {
  servers: TestServer[];
  /** The first and the second instance. */
  a: TestServer;
  b: TestServer;
  database: string;
  close(): Promise<void>;
}

/** Starts two servers that share their database, their files and (unless 'off') Redis. */
export async function startTestCluster(
  options: Omit<TestServerOptions, 'database' | 'dataDir'> = {},
): Promise<TestCluster> {
  const database = createDatabaseName();
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-test-'));
  const a = await startTestServer({ ...options, database, dataDir });
  const b = await startTestServer({ ...options, database, dataDir });
  return {
    servers: [a, b],
    a,
    b,
    database,
    close: async () => {
      await Promise.all([a.close(), b.close()]);
      await rm(dataDir, { recursive: true, force: true });
      await dropDatabase(database);
    },
  };
}
