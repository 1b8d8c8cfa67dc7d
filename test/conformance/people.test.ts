import { describe, expect, it } from 'vitest';
import type { Contact, Message, User } from '../../src/protocol/types.ts';
import { eventually, listen, type Person } from '../support/client.ts';
import { uniqueName } from '../support/names.ts';
import { directId, expectKeys, expectProblem, statuses, testTarget } from './target.ts';

const target = testTarget();
const userKeys = ['_id', 'fullName', 'profilePic', 'createdAt', 'lastSeenAt'];

const contacts = async (as: Person, query = ''): Promise<Contact[]> => {
  const answer = await target.call<Contact[]>('GET', `/api/messages/users${query}`, { as });
  expect(answer.status).toBe(200);
  return answer.body;
};
const post = async (as: Person, to: Person, text: string): Promise<Message> =>
  (
    await target.call<Message>('POST', `/api/messages/send/${to.id}`, {
      as,
      body: { text, image: null },
    })
  ).body;

describe('the sidebar', () => {
  it('has the fields of a User and of the conversation, and no e-mail address', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const message = await post(ben, ann, 'hello');
    await eventually(async () => {
      const [first] = await contacts(ann);
      expectKeys(first ?? {}, [
        ...userKeys,
        'online',
        'unreadCount',
        'lastMessage',
        'conversationId',
        'readSeq',
        'rev',
      ]);
      expect(first).toMatchObject({
        _id: ben.id,
        fullName: 'Ben',
        profilePic: '',
        online: false,
        conversationId: directId(ann, ben),
        lastMessage: message,
        unreadCount: 1,
        readSeq: 0,
      });
    });
  });

  it('begins with the most recent conversation', async () => {
    const [ann, ben, cleo] = await target.people('Ann', 'Ben', 'Cleo');
    const heads = listen(await target.open(ann), 'conversationHeads');
    const first = async (count: number) =>
      (await contacts(ann)).slice(0, count).map(({ _id }) => _id);
    const earlier = await post(ben, ann, 'one');
    await eventually(async () => expect(await first(1)).toEqual([ben.id]));
    await heads.until((list) => list.some(({ lastId }) => lastId === earlier._id));
    await post(cleo, ann, 'two');
    await eventually(async () => expect(await first(2)).toEqual([cleo.id, ben.id]));
  });

  it('orders conversations by their last messages, also when many move at once', async () => {
    const [ann, ...others] = await target.people('Ann', 'Ben', 'Cleo', 'Dora', 'Emil', 'Finn');
    for (const other of others) await post(ann, other, 'first round');
    for (const other of others.toReversed()) await post(ann, other, 'second round');
    // The last one written to was the first of the others.
    const expected = others.map(({ id }) => id);
    await eventually(async () => {
      const list = await contacts(ann);
      expect(list.slice(0, others.length).map(({ _id }) => _id)).toEqual(expected);
    });
  });

  it('has everybody but oneself, by name after the conversations', async () => {
    const [ann] = await target.people('Ann', 'Ben');
    const list = await contacts(ann);
    expect(list.length).toBeGreaterThan(0);
    expect(list.map(({ _id }) => _id)).not.toContain(ann.id);
    for (const contact of list) {
      expect(contact).not.toHaveProperty('email');
      expect(contact).toMatchObject({ unreadCount: 0 });
      expect(contact).not.toHaveProperty('lastMessage');
    }
    const names = list.map(({ fullName }) => fullName.toLowerCase());
    const compare = new Intl.Collator('en', { sensitivity: 'base' }).compare;
    expect(names).toEqual([...names].sort(compare));
  });

  it('has as many as asked for, at most 1,000', async () => {
    const [ann] = await target.people('Ann', 'Ben', 'Cleo');
    expect(await contacts(ann, '?limit=2')).toHaveLength(2);
    for (const limit of ['0', '1001', 'x']) {
      const path = `/api/messages/users?limit=${limit}`;
      expectProblem(await target.call('GET', path, { as: ann }), 'invalid_input');
    }
  });
});

describe('the directory', () => {
  it('finds people by the beginning of their names, page by page', async () => {
    const word = uniqueName('x').replace('-', '');
    const names = [`Ann ${word}`, `Ben ${word}`, `Cleo ${word}`] as const;
    const [ann] = await target.people(...names);
    const pages: string[][] = [];
    let path: string | undefined = `/api/users?query=${word.slice(0, -1)}&limit=2`;
    while (path !== undefined) {
      const answer: { headers: Headers; body: User[] } = await target.call<User[]>('GET', path, {
        as: ann,
      });
      pages.push(answer.body.map(({ fullName }) => fullName));
      path = /<([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    expect(pages).toEqual([names.slice(0, 2), names.slice(2)]);
  });

  it('finds nobody by what is no name', async () => {
    const [ann] = await target.people('Ann');
    const path = `/api/users?query=${uniqueName('nobody')}`;
    expect((await target.call('GET', path, { as: ann })).body).toEqual([]);
  });

  it('gives one person, without their e-mail address', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const { body } = await target.call<User>('GET', `/api/users/${ben.id}`, { as: ann });
    expectKeys(body, userKeys, ['online']);
    expect(body).toMatchObject({ _id: ben.id, fullName: 'Ben' });
  });

  it('is closed to strangers', async () => {
    const [ann] = await target.people('Ann');
    const paths = ['/api/users', `/api/users/${ann.id}`, '/api/messages/users', '/api/groups'];
    const answers = await Promise.all(paths.map((path) => target.call('GET', path)));
    expect(statuses(answers)).toEqual([401, 401, 401, 401]);
  });
});
