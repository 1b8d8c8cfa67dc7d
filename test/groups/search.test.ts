import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Group } from '../../src/protocol/types.ts';
import { call, type Person, signUp } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('searching own groups', () => {
  let server: TestServer;
  let ann: Person;
  beforeAll(async () => {
    server = await startTestServer();
    ann = await signUp(server.url);
    const ben = await signUp(server.url);
    const create = (as: Person, name: string, description: string) =>
      call(server.url, 'POST', '/api/groups', { as, body: { name, description, memberIds: [] } });
    await create(ann, 'Design Berlin', 'colours and fonts');
    await create(ann, 'Football', 'every Thursday in Berlin');
    await create(ann, 'Lunch', '');
    await create(ben, 'Berlin in secret', '');
  });
  afterAll(() => server.close());

  const search = async (query: string): Promise<string[]> => {
    const path = `/api/groups?query=${encodeURIComponent(query)}`;
    const { status, body } = await call<Group[]>(server.url, 'GET', path, { as: ann });
    expect(status).toBe(200);
    return body.map(({ name }) => name).sort();
  };

  it('finds those with every word in name or description, and none of others', async () => {
    expect(await search('berlin')).toEqual(['Design Berlin', 'Football']);
    expect(await search('berlin fonts')).toEqual(['Design Berlin']);
    expect(await search('fonts lunch')).toEqual([]);
    expect(await search('')).toEqual(['Design Berlin', 'Football', 'Lunch']);
  });

  it('takes what has a meaning to MongoDB as a word like any other', async () => {
    expect(await search('-berlin')).toEqual(['Design Berlin', 'Football']);
    expect(await search('"')).toEqual([]);
    expect(await search('ber"lin')).toEqual([]);
  });
});
