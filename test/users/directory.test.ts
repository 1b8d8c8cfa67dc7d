import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { User } from '../../src/protocol/types.ts';
import { call, type Person, signUp } from '../support/client.ts';
import { createDatabaseName, dropDatabase, withDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('the directory', () => {
  const database = createDatabaseName();
  let server: TestServer;
  let ann: Person;
  beforeAll(async () => {
    server = await startTestServer({ database });
    ann = await signUp(server.url, 'Ann Zimmer');
    for (const name of [
      'anna de Boer',
      'Änne Becker',
      'Joanna Annable',
      'Ben Carter',
      'ANN Able',
    ]) {
      await signUp(server.url, name);
    }
  });
  afterAll(async () => {
    await server.close();
    await dropDatabase(database);
  });

  const page = async (path: string) => {
    const { headers, body } = await call<User[]>(server.url, 'GET', path, { as: ann });
    const next = /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1];
    return { names: body.map(({ fullName }) => fullName), next };
  };
  const search = async (query: string) =>
    (await page(`/api/users?query=${encodeURIComponent(query)}`)).names;

  it('finds by the beginning of any word, without regard to case and accents, by name', async () => {
    expect(await search('ANN')).toEqual([
      'ANN Able',
      'Ann Zimmer',
      'anna de Boer',
      'Änne Becker',
      'Joanna Annable',
    ]);
    expect(await search('b')).toEqual(['anna de Boer', 'Änne Becker', 'Ben Carter']);
    expect(await search('nna')).toEqual([]);
  });

  it('finds who has a word for each of several', async () => {
    expect(await search('ann b')).toEqual(['anna de Boer', 'Änne Becker']);
    expect(await search('boer anna')).toEqual(['anna de Boer']);
    expect(await search('anna carter')).toEqual([]);
  });

  it('gives each exactly once over its pages, also those of one name', async () => {
    for (let twin = 0; twin < 3; twin++) await signUp(server.url, 'Twin Annersley');
    const all = await search('ann');
    expect(all).toHaveLength(8);
    const paged: string[] = [];
    let path: string | undefined = '/api/users?query=ann&limit=2';
    while (path !== undefined) {
      const { names, next }: Awaited<ReturnType<typeof page>> = await page(path);
      paged.push(...names);
      path = next;
    }
    expect(paged).toEqual(all);
  });

  it('finds a person by a new name, and no longer by the old one', async () => {
    const person = await signUp(server.url, 'Formerly Known');
    const body = { fullName: 'Later Named' };
    await call(server.url, 'PUT', '/api/auth/update-profile', { as: person, body });
    expect(await search('formerly')).toEqual([]);
    expect(await search('lat')).toEqual(['Later Named']);
  });

  it('finds accounts of an earlier version after the next start', async () => {
    const old = await signUp(server.url, 'Olga Oldham');
    await withDatabase(database, (db) =>
      db
        .collection<{ _id: string }>('users')
        .updateOne(
          { _id: old.id },
          { $unset: { prefixes: 1 }, $set: { terms: ['olga', 'oldham'] } },
        ),
    );
    expect(await search('oldh')).toEqual([]);
    const next = await startTestServer({ database });
    await next.close();
    expect(await search('oldh')).toEqual(['Olga Oldham']);
  });
});
