/** MongoDB that dies, hangs, loses its disk's space, or comes back from a backup. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import mongoose from 'mongoose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCluster } from '../../scripts/cluster/local-cluster.ts';
import type { Problem } from '../../src/protocol/problems.ts';
import type { Message } from '../../src/protocol/types.ts';
import { type ClientSocket, call, connect, emit, type Person, signUp } from '../support/client.ts';
import { uniqueName } from '../support/server.ts';
import { expectHolds, print, readMessages } from './checker.ts';
import { until } from './fleet.ts';
import { type Health, openScene, type Scene, seconds } from './scene.ts';

/** How long a send takes while MongoDB is away, and what it gets; asked from outside the fleet. */
async function askWhileAway(socket: ClientSocket, to: Person) {
  const began = performance.now();
  const payload = { to: to.id, text: 'while away', clientId: uniqueName('client') };
  const answer = await emit(socket, 'sendMessage', payload);
  return { answer, took: Math.round(performance.now() - began) };
}

const isProblem = ({ headers }: { headers: Headers }): boolean =>
  headers.get('content-type')?.startsWith('application/problem+json') ?? false;

/**
 * Has people send over HTTP whose sessions the instance has not read yet, each one message,
 * again and again until it is stored. Resolves with what was answered when all are.
 */
async function sendAsStrangers(url: string, senders: Person[], to: Person, text: string) {
  const counted = { created: 0, repeated: 0, refused: 0, longest: 0 };
  const wrong: string[] = [];
  async function sendUntilStored(as: Person): Promise<void> {
    const body = { text, clientId: uniqueName('client') };
    for (;;) {
      const began = performance.now();
      const path = `/api/messages/send/${to.id}`;
      const answer = await call<Message | Problem>(url, 'POST', path, { as, body });
      counted.longest = Math.max(counted.longest, Math.round(performance.now() - began));
      if (answer.status === 201) counted.created++;
      else if (answer.status === 200) counted.repeated++;
      else if (answer.status === 503 && isProblem(answer) && answer.headers.has('retry-after')) {
        counted.refused++;
        await delay(200);
        continue;
      } else wrong.push(`${answer.status} ${JSON.stringify(answer.body)}`);
      return;
    }
  }
  await Promise.all(senders.map(sendUntilStored));
  return { counted, wrong };
}

describe('with MongoDB', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene();
  });
  afterAll(() => scene.close());

  type Harm = (cluster: LocalCluster) => Promise<unknown>;
  it.each<{ row: number; how: string; short: number; long: number; harm: Harm; mend: Harm }>([
    {
      row: 7,
      how: 'MongoDB killed',
      short: 3,
      long: 20,
      harm: async ({ mongodb }) => mongodb.kill(),
      mend: async ({ mongodb }) => mongodb.start(),
    },
    {
      row: 8,
      how: 'MongoDB halted',
      short: 8,
      long: 20,
      harm: async ({ mongodb }) => mongodb.halt(),
      mend: async ({ mongodb }) => mongodb.go(),
    },
    {
      row: 9,
      how: 'MongoDB and Redis killed',
      short: 4,
      long: 20,
      harm: async ({ mongodb, redis }) => Promise.all([mongodb.kill(), redis?.kill()]),
      mend: async ({ mongodb, redis }) => Promise.all([mongodb.start(), redis?.start()]),
    },
  ])('$how (row $row): 503 within 5 s, sockets stay, then holds', async (row) => {
    const { cluster } = scene;
    const [a, b] = cluster.instances;
    if (a === undefined || b === undefined) throw new Error('two instances are needed');
    const fleet = await scene.fleet();
    const [ann, ben] = [await signUp(a.url), await signUp(a.url)];
    const strangers = await Promise.all(Array.from({ length: 10 }, () => signUp(b.url)));
    const socket = await connect(a.url, ann);
    let cuts = 0;
    socket.on('disconnect', () => cuts++);
    const stop = fleet.write(100);
    await delay(1_500);
    await row.harm(cluster);
    const away = Promise.all(Array.from({ length: 5 }, () => askWhileAway(socket, ben)));
    const byHttp = sendAsStrangers(a.url, strangers, ben, 'by HTTP');
    const until503 = await away;
    const ready = await fetch(`${a.url}/readyz`);
    const health = (await (await fetch(`${a.url}/health`)).json()) as Health;
    await delay(seconds(row.short, row.long) * 1_000);
    await row.mend(cluster);
    await delay(2_000);
    stop();
    const { counted, wrong } = await byHttp;
    const longest = Math.max(...until503.map(({ took }) => took));
    print(row.how, { refused: until503.length, longest, ready: ready.status, cuts });
    print(`${row.how}, by HTTP with sessions not read yet`, { ...counted, wrong: wrong.length });
    expect(wrong).toEqual([]);
    expect(counted.refused).toBeGreaterThanOrEqual(strangers.length);
    expect(counted.longest).toBeLessThan(5_000);
    expect(until503.map(({ answer }) => answer)).toEqual(
      until503.map(() => ({ ok: false, error: expect.objectContaining({ status: 503 }) })),
    );
    expect(longest).toBeLessThan(5_000);
    expect(ready.status).toBe(200);
    expect(health.status).toBe('degraded');
    expect(cuts).toBe(0);
    socket.disconnect();
    await expectHolds(row.how, cluster, fleet, { wholeWithinMs: 15_000 });
    await expectNoGhosts(cluster, [ann.id, ben.id].sort().join('-'), 'while away');
    const ids = strangers.map(({ id }) => [id, ben.id].sort().join('-'));
    const stored = await readMessages(cluster.mongodb.url, ids);
    expect([...stored.values()].map((messages) => messages.length)).toEqual(ids.map(() => 1));
  });

  it('a backup is restored: clients are told to begin anew', async () => {
    const { cluster } = scene;
    const fleet = await scene.fleet({ people: 20, groups: 1, isHttp: (index) => index % 2 === 1 });
    await fleet.writeFor(1);
    await expectHolds('before the backup', cluster, fleet);
    const backup = await readAll(cluster);
    await fleet.writeFor(1);
    await expectHolds('after the backup', cluster, fleet);
    const held = new Map(fleet.bots.map((bot) => [bot, bot.heldOf(bot.conversationIds[0] ?? '')]));
    // As an operator restores it: with the application stopped.
    await Promise.all(cluster.instances.map((instance) => instance.stop()));
    await restoreAll(cluster, backup);
    await Promise.all(cluster.instances.map((instance) => instance.start()));
    fleet.book.acknowledged.length = 0;
    // What is written now takes numbers that clients know with other messages.
    await fleet.writeFor(2, 50);
    const restored = { wholeWithinMs: 20_000, isRestored: true };
    await expectHolds('a backup restored', cluster, fleet, restored);
    const beganAnew = [...held].filter(([bot, before]) => {
      const now = bot.heldOf(bot.conversationIds[0] ?? '').map(({ _id }) => _id);
      return !now.includes(before.at(-1)?._id ?? '');
    });
    print('a backup restored', { clients: fleet.bots.length, beganAnew: beganAnew.length });
    expect(beganAnew).toHaveLength(fleet.bots.length);
  });
});

describe.skipIf(process.getuid?.() !== 0)(
  'with little disk space (a small file system, as root)',
  () => {
    let scene: Scene;
    let mount: string;
    beforeAll(async () => {
      mount = await mkdtemp(join(tmpdir(), 'parley-small-disk-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=420m', 'tmpfs', mount]);
      scene = await openScene({ mongodbDir: mount });
    });
    afterAll(async () => {
      await scene?.close();
      execFileSync('umount', ['-l', mount]);
      await rm(mount, { recursive: true, force: true });
    });

    it('18. the disk full for MongoDB: no false acknowledgement, and it resumes', async () => {
      const { cluster } = scene;
      const fleet = await scene.fleet();
      const stop = fleet.write(100);
      await delay(1_500);
      const filler = join(mount, 'filler');
      await fill(filler, mount);
      // The journal's space is taken in advance, so the server notices at its next checkpoint.
      await withDb(cluster, (db) => db.admin().command({ fsync: 1 })).catch(() => undefined);
      await delay(1_000);
      const before = fleet.book.acknowledged.length;
      await delay(seconds(4, 20) * 1_000);
      const meanwhile = fleet.book.acknowledged.length - before;
      const serverEnded = !(await isAlive(cluster.mongodb.pid));
      await rm(filler);
      // A server that gave up on a full disk is started again by whoever runs it.
      if (serverEnded) {
        await cluster.mongodb.kill();
        await cluster.mongodb.start();
      }
      await delay(2_000);
      stop();
      print('disk full', { acknowledgedMeanwhile: meanwhile, serverEnded });
      expect(meanwhile).toBe(0);
      await expectHolds('disk full', cluster, fleet, { wholeWithinMs: 15_000 });
    });
  },
);

type Backup = Map<string, mongoose.mongo.Document[]>;

async function withDb<T>(cluster: LocalCluster, work: (db: mongoose.mongo.Db) => Promise<T>) {
  const client = new mongoose.mongo.MongoClient(cluster.mongodb.url);
  try {
    return await work(client.db());
  } finally {
    await client.close();
  }
}

/** Everything but the channel between instances, as mongodump would take it. */
const readAll = (cluster: LocalCluster): Promise<Backup> =>
  withDb(cluster, async (db) => {
    const backup: Backup = new Map();
    for (const { name } of await db.listCollections().toArray()) {
      if (name !== 'bus') backup.set(name, await db.collection(name).find().toArray());
    }
    return backup;
  });

const restoreAll = (cluster: LocalCluster, backup: Backup): Promise<void> =>
  withDb(cluster, async (db) => {
    for (const [name, documents] of backup) {
      await db.collection(name).deleteMany({});
      if (documents.length > 0) await db.collection(name).insertMany(documents);
    }
  });

const expectNoGhosts = (cluster: LocalCluster, conversationId: string, text: string) =>
  withDb(cluster, async (db) => {
    expect(await db.collection('messages').countDocuments({ conversationId, text })).toBe(0);
  });

/** Writes until nothing more fits. */
async function fill(file: string, folder: string): Promise<void> {
  const free = Number(
    execFileSync('df', ['--output=avail', '-B1', folder]).toString().trim().split('\n').at(-1),
  );
  await writeFile(file, Buffer.alloc(free));
}

const isAlive = (pid: number | undefined): Promise<boolean> =>
  until('', 0, () => pid !== undefined && process.kill(pid, 0)).then(
    () => true,
    () => false,
  );
