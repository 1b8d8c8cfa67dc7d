/** A MongoDB of a benchmark's own, filled by the seed, and gone with it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMongodb } from '../../src/infra/embedded/servers.ts';
import { type Database, withDatabase } from '../lib/program.ts';
import { openSessions } from '../seed/logins.ts';
import type { SeedPlan } from '../seed/plan.ts';
import { UNTIL } from '../seed/run.ts';
import { seed } from '../seed/seed.ts';

export interface DataSize {
  users: number;
  groups: number;
  messages: number;
}

/** Runs `work` on the data; `say` gets lines of progress. */
export async function withSeededDatabase<T>(
  size: DataSize,
  say: (line: string) => void,
  work: (database: Database, plan: SeedPlan) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-bench-'));
  const mongodb = { uri: undefined, poolMin: 1, poolMax: 8 };
  const servers = await openMongodb({ dataDir, mongodb }, say);
  try {
    return await withDatabase(servers.mongodbUri, async (database) => {
      const given = { name: 'bench', ...size, until: UNTIL };
      const { plan } = await seed(database, given, 4, new AbortController().signal);
      await openSessions(database, plan, 'tokens that nobody shows');
      return work(database, plan);
    });
  } finally {
    await servers.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}
