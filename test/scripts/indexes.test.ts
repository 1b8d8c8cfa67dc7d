import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withDatabase as withModels } from '../../scripts/lib/program.ts';
import type { IndexComparison } from '../../src/infra/indexes.ts';
import { createIndexes, MongoUnusableError } from '../../src/infra/mongo.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';
import { databaseUri, runProgram } from '../support/program.ts';
import { startTestServer } from '../support/server.ts';

// Several programs in a row, each of which compiles itself first.
describe('npm run indexes', { timeout: 60_000 }, () => {
  let database: string;
  beforeEach(() => {
    database = createDatabaseName();
  });
  afterEach(() => dropDatabase(database));

  const indexes = (...args: string[]) =>
    runProgram('indexes/main.ts', args, { MONGODB_URI: databaseUri(database) });
  const namesIn = (collection: string) =>
    withDatabase(database, async (db) =>
      (await db.collection(collection).indexes()).map(({ name }) => name),
    );
  const drop = (collection: string, name: string) =>
    withDatabase(database, (db) => db.collection(collection).dropIndex(name));

  it('creates what is missing, and says so', async () => {
    const missing = await indexes('--check');
    expect(missing.code).toBe(1);
    expect(missing.stdout).toContain('missing      users: email_1 (unique)');
    expect(await withDatabase(database, (db) => db.collections())).toEqual([]);

    const created = await indexes();
    expect(created.code).toBe(0);
    expect(created.stderr).toContain('messages: conversationId_1_seq_1 (unique): 0 of 0');
    expect(await namesIn('messages')).toEqual([
      '_id_',
      'conversationId_1_seq_1',
      'conversationId_1_senderId_1_clientId_1',
      'conversationId_1_rev_1',
      'updatedAt_1',
      'mentions_1_conversationId_1_seq_1_senderId_1',
    ]);
    expect((await indexes('--check')).code).toBe(0);
  });

  it('knows every collection and index of a server', async () => {
    const server = await startTestServer({ database });
    try {
      const { code, stdout } = await indexes('--check', '--json');
      expect(code).toBe(0);
      const { same } = JSON.parse(stdout) as IndexComparison;
      const existing = await withDatabase(database, async (db) => {
        const found = [];
        for (const collection of await db.collections()) {
          for (const { name } of await collection.indexes()) {
            if (name !== '_id_') found.push(`${collection.collectionName}: ${name}`);
          }
        }
        return found;
      });
      expect(existing.length).toBeGreaterThan(10);
      expect(same.map(({ collection, name }) => `${collection}: ${name}`).sort()).toEqual(
        existing.sort(),
      );
    } finally {
      await server.close();
    }
  });

  it('names an index that is missing, and creates it alone', async () => {
    await indexes();
    await drop('messages', 'conversationId_1_seq_1');
    const { code, stdout } = await indexes('--check');
    expect(code).toBe(1);
    expect(stdout).toContain('missing      messages: conversationId_1_seq_1 (unique)');
    const mended = JSON.parse((await indexes('--json')).stdout);
    expect(mended.created).toMatchObject([
      { collection: 'messages', name: 'conversationId_1_seq_1', options: { unique: true } },
    ]);
    expect((await indexes('--check')).code).toBe(0);
  });

  it('names what is different or unknown, and drops it only with --drop-unknown', async () => {
    await indexes();
    await drop('users', 'email_1');
    await drop('sessions', 'expiresAt_1');
    await withDatabase(database, async (db) => {
      await db.collection('users').createIndex({ email: 1 });
      await db.collection('sessions').createIndex({ expiresAt: 1 }, { expireAfterSeconds: 60 });
      await db.collection('users').createIndex({ terms: 1 });
    });
    const differences = [
      'different    users: email_1 (unique): unique is not set, declared true',
      'different    sessions: expiresAt_1 (expireAfterSeconds 0): expireAfterSeconds is 60, declared 0',
      'unknown      users: terms_1',
    ];
    for (const args of [['--check'], []]) {
      const { code, stdout } = await indexes(...args);
      expect(code).toBe(1);
      for (const difference of differences) expect(stdout).toContain(difference);
    }
    expect(await namesIn('users')).toContain('terms_1');

    const dropped = await indexes('--drop-unknown');
    expect(dropped.code).toBe(0);
    expect(dropped.stderr).toContain('dropping users: terms_1');
    expect(await namesIn('users')).not.toContain('terms_1');
    expect((await indexes('--check')).code).toBe(0);
  });

  it('shows the plan of each hot query only where there is data', async () => {
    const { code, stderr } = await indexes('--explain');
    expect(code).toBe(1);
    expect(stderr).toContain('npm run seed');
  });

  it('ends with the exit code of what is wrong', async () => {
    expect((await indexes('--nonsense')).code).toBe(2);
    expect((await indexes('--check', '--drop-unknown')).code).toBe(2);
    const faulty = await runProgram('indexes/main.ts', [], { MONGODB_URI: 'nonsense' });
    expect(faulty.code).toBe(78);
    expect(faulty.stderr).toContain('MONGODB_URI');
  });

  it('says 69 when the database cannot be reached', async () => {
    const uri = 'mongodb://127.0.0.1:1/parley?replicaSet=none';
    const { code, stderr } = await runProgram('indexes/main.ts', ['--check'], { MONGODB_URI: uri });
    expect(code).toBe(69);
    expect(stderr).toContain('cannot be reached');
  });

  it('are made by several starts at once', async () => {
    await withDatabase(database, async (db) => {
      const texts = Array.from({ length: 20_000 }, (_, seq) => ({
        _id: String(seq),
        ...{ conversationId: 'c', seq, senderId: 's', clientId: String(seq) },
      }));
      await db.collection<{ _id: string }>('messages').insertMany(texts);
    });
    const uri = databaseUri(database);
    const starts = Array.from({ length: 4 }, () =>
      withModels(uri, ({ connection }) => createIndexes(connection, uri)),
    );
    await Promise.all(starts);
    expect((await indexes('--check')).code).toBe(0);
  });

  it('that are different keep a server from starting, with the way out', async () => {
    await withDatabase(database, (db) => db.collection('users').createIndex({ email: 1 }));
    const starting = startTestServer({ database });
    await expect(starting).rejects.toBeInstanceOf(MongoUnusableError);
    await expect(starting).rejects.toThrow(/users: email_1[\s\S]*npm run indexes/);
  });
});
