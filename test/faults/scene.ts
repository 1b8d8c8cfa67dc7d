/** A cluster and what every row of the fault suite needs of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type LocalCluster,
  type LocalClusterOptions,
  openLocalCluster,
} from '../../scripts/cluster/local-cluster.ts';
import { prepare } from '../../scripts/lib/prepare.mjs';
import { call } from '../support/client.ts';
import { uniqueName } from '../support/server.ts';
import { type Fleet, type FleetOptions, openFleet, until } from './fleet.ts';

/** `FAULTS=long npm run test:faults`: rows take as long as faults.md says. */
export const isLong = process.env.FAULTS === 'long';
/** Seconds: the short form for CI, or the long one. */
export const seconds = (short: number, long: number): number => (isLong ? long : short);

export interface Scene {
  cluster: LocalCluster;
  /** Where the processes keep their data and logs. */
  dataDir: string;
  /** A new fleet, through nginx unless told otherwise; it is stopped with the scene. */
  fleet(options?: Partial<FleetOptions>): Promise<Fleet>;
  close(): Promise<void>;
}

export async function openScene(options: Partial<LocalClusterOptions> = {}): Promise<Scene> {
  await prepare(['server', 'web']);
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-faults-'));
  const cluster = await openLocalCluster({
    instances: 3,
    dataDir,
    ...options,
    env: { BCRYPT_COST: '4', LOG_LEVEL: 'info', ...options.env },
  });
  try {
    await untilAcquainted(cluster);
  } catch (error) {
    // Whoever wanted the scene never gets it, and so cannot close it.
    await cluster.close();
    throw error;
  }
  const fleets: Fleet[] = [];
  return {
    cluster,
    dataDir,
    fleet: async (more = {}) => {
      for (const old of fleets.splice(0)) old.stop();
      const bookFile = join(dataDir, `${uniqueName('book')}.jsonl`);
      const fleet = await openFleet({ urlOf: () => cluster.url, bookFile, ...more });
      fleets.push(fleet);
      return fleet;
    },
    close: async () => {
      for (const fleet of fleets) fleet.stop();
      await cluster.close();
      if (process.env.FAULTS_KEEP === undefined) {
        await rm(dataDir, { recursive: true, force: true });
      }
    },
  };
}

/** Until every running instance knows every other. */
export async function untilAcquainted(cluster: Pick<LocalCluster, 'instances'>): Promise<void> {
  const running = cluster.instances.filter(({ pid }) => pid !== undefined);
  await until('the instances to know each other', 15_000, async () => {
    for (const { url } of running) {
      const { body } = await call<Health>(url, 'GET', '/health');
      if (body.instance.peers.length !== running.length - 1) return false;
    }
    return true;
  });
}

export interface Health {
  status: string;
  instance: { id: string; peers: string[] };
  redis: { status: string };
  mongodb: { status: string };
}

/** Until every running instance says that of Redis. */
export async function untilRedisIs(
  cluster: LocalCluster,
  status: 'up' | 'down',
  ms = 10_000,
): Promise<number> {
  return until(`Redis to be ${status} for all`, ms, async () => {
    for (const { url, pid } of cluster.instances) {
      if (pid === undefined) continue;
      const { body } = await call<Health>(url, 'GET', '/health');
      if (body.redis.status !== status) return false;
    }
    return true;
  });
}
