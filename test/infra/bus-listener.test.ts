/** An instance that is alone does not follow a change stream, and hears all the same. */
import mongoose from 'mongoose';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import { type BusListener, createBusListener } from '../../src/infra/bus-listener.ts';
import { eventually } from '../support/client.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';

interface Word {
  _id: string;
  at: Date;
}

const database = createDatabaseName();
let client: mongoose.mongo.MongoClient;
let collection: mongoose.mongo.Collection<Word>;
/** What the listener does at the collection, newest last. */
let commands: string[] = [];
let listener: BusListener;
let heard: string[];
let gaps: number;
let alone: boolean;

beforeAll(async () => {
  client = new mongoose.mongo.MongoClient(inject('mongodbUri'), { monitorCommands: true });
  client.on('commandStarted', ({ commandName, command }) => {
    if (command[commandName] === 'bus' || command.collection === 'bus') commands.push(commandName);
  });
  collection = client.db(database).collection('bus');
  await collection.createIndex({ at: 1 });
});

afterAll(async () => {
  await client.close();
  await dropDatabase(database);
});

afterEach(() => listener.close());

async function start(): Promise<void> {
  [heard, gaps, alone] = [[], 0, true];
  listener = createBusListener<Word>({
    client,
    collection: collection as unknown as mongoose.mongo.Collection,
    mayRest: () => alone,
    receive: async ({ _id }) => void heard.push(_id),
    onGap: async () => void gaps++,
    restAfterMs: 200,
    log: pino({ level: 'silent' }),
  });
  await listener.start();
}

/** Over a connection of its own. */
const write = (ids: string[]): Promise<unknown> =>
  withDatabase(database, (db) =>
    db.collection<Word>('bus').insertMany(ids.map((_id) => ({ _id, at: new Date() }))),
  );

async function untilItRests(): Promise<void> {
  await collection.deleteMany({});
  commands = [];
  await eventually(() => expect(commands.slice(-2)).toEqual(['find', 'find']));
  expect(listener.healthy()).toBe(true);
}

it('looks while it is alone, and misses nothing of who comes', async () => {
  await start();
  const all: string[] = [];
  for (let round = 0; round < 4; round++) {
    await untilItRests();
    for (let word = 0; word < 5; word++) {
      const id = `${round}-${word}`;
      all.push(id);
      await write([id]);
    }
    await eventually(() => expect(heard).toEqual(all));
    expect(commands).toContain('aggregate');
  }
  expect(gaps).toBe(0);
});

it('follows the stream at once when it is told that somebody is there', async () => {
  await start();
  await untilItRests();
  commands = [];
  alone = false;
  listener.wake();
  await eventually(() => expect(commands).toContain('aggregate'));
  expect(commands).not.toContain('find');
  await write(['a', 'b']);
  await eventually(() => expect(heard).toEqual(['a', 'b']));
});

it('does not rest while there is company, nor while there are words', async () => {
  await start();
  [alone, commands] = [false, []];
  await eventually(() => expect(commands.slice(-2)).toEqual(['getMore', 'getMore']));
  await write(['c']);
  alone = true;
  await eventually(() => expect(commands.slice(-3)).toEqual(['getMore', 'find', 'getMore']));
  expect(commands).not.toContain('killCursors');
  expect(listener.healthy()).toBe(true);
});

it('says that words may have been missed when it cannot go on where it last looked', async () => {
  await start();
  await untilItRests();
  await withDatabase(database, async (db) => {
    // Nothing can be heard of a view.
    await db.dropCollection('bus');
    await db.createCollection('bus', { viewOn: 'users', pipeline: [] });
  });
  alone = false;
  await eventually(() => expect(listener.healthy()).toBe(false));
  expect(gaps).toBe(0);
  await withDatabase(database, async (db) => {
    await db.dropCollection('bus');
    await db.createCollection('bus');
  });
  await eventually(() => expect(gaps).toBe(1));
  expect(listener.healthy()).toBe(true);
});
