/**
 * One real MongoDB and one real Redis for the whole run, started as `npm start` starts them;
 * TEST_MONGODB_URI and TEST_REDIS_URL name others. Every test uses a database of its own.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { openServers } from '../../src/infra/embedded/servers.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    mongodbUri: string;
    redisUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-servers-'));
  const servers = await openServers(
    {
      dataDir,
      mongodb: { uri: process.env.TEST_MONGODB_URI, poolMin: 1, poolMax: 5 },
      redisUrl: process.env.TEST_REDIS_URL,
    },
    (line) => process.stderr.write(`${line}\n`),
  );
  if (servers.redisUrl === undefined) {
    await servers.close();
    throw new Error('The tests need Redis: install redis-server, or set TEST_REDIS_URL.');
  }
  project.provide('mongodbUri', servers.mongodbUri);
  project.provide('redisUrl', servers.redisUrl);
  return async () => {
    await servers.close();
    await rm(dataDir, { recursive: true, force: true });
  };
}
