/** Search over HTTP, on a real server: what is found, by whom, in which order, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { directConversationId } from '../../src/features/conversations/conversation-id.ts';
import type { Group, Message, SearchHit } from '../../src/protocol/types.ts';
import { call, eventually, type Person, type Response, signUp } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const asked = (as: Person, query: Record<string, string>): Promise<Response<SearchHit[]>> =>
  call<SearchHit[]>(server.url, 'GET', `/api/messages/search?${new URLSearchParams(query)}`, {
    as,
  });
async function hits(as: Person, query: string | Record<string, string>): Promise<SearchHit[]> {
  const { status, body } = await asked(as, typeof query === 'string' ? { q: query } : query);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}
const texts = async (as: Person, query: string | Record<string, string>): Promise<string[]> =>
  (await hits(as, query)).map(({ message }) => message.text);
/** What is stored is found a moment later. */
const finds = (as: Person, query: string | Record<string, string>, expected: string[]) =>
  eventually(async () => expect(await texts(as, query)).toEqual(expected));

async function say(
  as: Person,
  to: Person | string,
  text: string,
  image?: string,
): Promise<Message> {
  const path =
    typeof to === 'string' ? `/api/groups/${to}/messages` : `/api/messages/send/${to.id}`;
  const { status, body } = await call<Message>(server.url, 'POST', path, {
    as,
    body: { text, image },
  });
  expect(status).toBe(201);
  return body;
}
async function group(admin: Person, members: Person[], history = 'all'): Promise<string> {
  const body = { name: 'Friends', memberIds: members.map(({ id }) => id), history };
  return (await call<Group>(server.url, 'POST', '/api/groups', { as: admin, body })).body._id;
}
const people = (count: number) =>
  Promise.all(Array.from({ length: count }, () => signUp(server.url))) as Promise<
    [Person, Person, Person]
  >;

/** One pixel. */
const PNG =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

describe('words', () => {
  let ann: Person;
  let ben: Person;
  beforeAll(async () => {
    [ann, ben] = await people(2);
    for (const text of [
      'Das Café in der Straße',
      'the quick brown fox',
      'Quicksand near the river',
      'ΣΊΣΥΦΟΣ rolls',
      'ｆｕｌｌ width',
      'naïve na\u0308ive',
    ]) {
      await say(ann, ben, text);
    }
    await finds(ann, 'naive', ['naïve na\u0308ive']);
  });

  it('are found without regard to case, accents and width, by both', async () => {
    for (const who of [ann, ben]) {
      expect(await texts(who, 'CAFE')).toEqual(['Das Café in der Straße']);
      expect(await texts(who, 'strasse')).toEqual(['Das Café in der Straße']);
      expect(await texts(who, 'cafe\u0301')).toEqual(['Das Café in der Straße']);
      expect(await texts(who, 'σίσυφος')).toEqual(['ΣΊΣΥΦΟΣ rolls']);
      expect(await texts(who, 'full')).toEqual(['ｆｕｌｌ width']);
    }
  });

  it('are all needed, in any order', async () => {
    expect(await texts(ann, 'fox the')).toEqual(['the quick brown fox']);
    expect(await texts(ann, 'fox river')).toEqual([]);
  });

  it('are found by their beginning where they stand last, behind those that are whole', async () => {
    expect(await texts(ann, 'quick')).toEqual(['the quick brown fox', 'Quicksand near the river']);
    expect(await texts(ann, 'river quicks')).toEqual(['Quicksand near the river']);
    expect(await texts(ann, 'quick river')).toEqual([]);
    expect(await texts(ann, 'uicksand')).toEqual([]);
    expect(await texts(ann, 'q')).toEqual([]);
  });

  it('are highlighted in the text as it was written', async () => {
    const marked = async (query: string) =>
      (await hits(ann, query)).map(({ message, highlights }) =>
        highlights.map(([start, length]) => message.text.slice(start, start + length)),
      );
    expect(await marked('strasse cafe')).toEqual([['Café', 'Straße']]);
    expect(await marked('naive')).toEqual([['naïve', 'na\u0308ive']]);
    expect(await marked('quick')).toEqual([['quick'], ['Quick']]);
  });
});

describe('Chinese, Japanese and Korean', () => {
  it.each([
    ['我们明天去北京开会', ['北京', '开', '会', '明天去北京'], ['京北', '今天']],
    ['東京タワーでガイドを待つ', ['タワー', 'ガイド', 'で', 'つ'], ['カイド', 'タワーガ']],
    ['내일 회의는 서울에서 합니다', ['서울', '회의', '내일 회의', '다'], ['부산']],
  ])('are found by any part of %s', async (text, found, not) => {
    const [ann, ben] = await people(2);
    await say(ann, ben, text);
    await say(ann, ben, 'something else');
    await finds(ben, found[0] ?? '', [text]);
    for (const query of found) expect(await texts(ben, query), query).toEqual([text]);
    for (const query of not) expect(await texts(ben, query), query).toEqual([]);
  });

  it('are found in half width and when written in parts', async () => {
    const [ann, ben] = await people(2);
    await say(ann, ben, 'ｶﾞｲﾄﾞ');
    await say(ann, ben, '서울'.normalize('NFD'));
    await finds(ben, '서울', ['서울'.normalize('NFD')]);
    const [hit] = await hits(ben, 'ガイド');
    expect(hit?.message.text).toBe('ｶﾞｲﾄﾞ');
    expect(hit?.highlights).toEqual([[0, 5]]);
  });
});

describe('filters', () => {
  let ann: Person;
  let ben: Person;
  let cid: Person;
  let friends: string;
  beforeAll(async () => {
    [ann, ben, cid] = await people(3);
    friends = await group(ann, [ben, cid]);
    await say(ann, ben, 'plan one');
    await say(ben, ann, 'plan two');
    await say(ben, friends, 'plan three');
    await say(cid, friends, 'a picture', PNG);
    await finds(ann, { has: 'attachment' }, ['a picture']);
  });

  it('by person', async () => {
    expect(await texts(ann, { q: 'plan', from: ben.id })).toEqual(['plan three', 'plan two']);
    expect(await texts(ann, { from: ben.id })).toEqual(['plan three', 'plan two']);
    expect(await texts(ann, { q: 'pla', from: ann.id })).toEqual(['plan one']);
    expect(await texts(cid, { from: ben.id })).toEqual(['plan three']);
  });
  it('by conversation', async () => {
    expect(await texts(ann, { q: 'plan', in: friends })).toEqual(['plan three']);
    const direct = directConversationId(ann.id, ben.id);
    expect(await texts(ben, { q: 'plan', in: direct })).toEqual(['plan two', 'plan one']);
  });
  it('by attachment', async () => {
    expect(await texts(ben, { q: 'picture', has: 'attachment' })).toEqual(['a picture']);
    expect(await texts(ben, { q: 'plan', has: 'attachment' })).toEqual([]);
    expect(await texts(ben, { has: 'attachment', from: ben.id })).toEqual([]);
  });
  it('by time, to the millisecond', async () => {
    const [, second, third] = (await hits(ann, 'plan')).reverse().map(({ message }) => message);
    const at = third?.createdAt ?? '';
    expect(await texts(ann, { q: 'plan', after: at })).toEqual(['plan three']);
    expect(await texts(ann, { q: 'plan', before: at })).toEqual(['plan two', 'plan one']);
    const offset = new Date(Date.parse(second?.createdAt ?? '') + 3_600_000)
      .toISOString()
      .replace('Z', '+01:00');
    expect(await texts(ann, { q: 'plan', before: at, after: offset })).toEqual(['plan two']);
    const day = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
    expect(await texts(ann, { before: day, in: friends })).toEqual(['a picture', 'plan three']);
    expect(await texts(ann, { after: day })).toEqual([]);
    expect(await texts(ann, { after: '0001-01-01', before: '9999-12-31' })).toHaveLength(4);
  });
  it('are no words', async () => {
    expect(await texts(ann, `from:${ben.id}`)).toEqual([]);
    expect(await texts(ann, `@${ben.id}`)).toEqual([]);
    expect(await texts(ann, '+attachment')).toEqual([]);
  });
});

describe('permission', () => {
  it('is that of the conversations that one belongs to', async () => {
    const [ann, ben, cid] = await people(3);
    await say(ann, ben, 'between us');
    const friends = await group(ann, [ben]);
    await say(ann, friends, 'between all of us');
    await finds(ben, 'between', ['between all of us', 'between us']);
    expect(await texts(cid, 'between')).toEqual([]);
    expect(await texts(cid, { from: ann.id })).toEqual([]);
    for (const conversation of [friends, directConversationId(ann.id, ben.id), 'f'.repeat(24)]) {
      const { status, body } = await asked(cid, { q: 'between', in: conversation });
      expect(status).toBe(404);
      expect(body).toMatchObject({
        detail: 'This conversation does not exist, or you have no access to it.',
      });
    }
  });

  it('ends with the acknowledgement of the removal', async () => {
    const [ann, ben] = await people(2);
    const friends = await group(ann, [ben]);
    await say(ann, friends, 'still here');
    await finds(ben, 'still', ['still here']);
    const path = `/api/groups/${friends}/members/${ben.id}`;
    expect((await call(server.url, 'DELETE', path, { as: ann })).status).toBe(200);
    expect(await texts(ben, 'still')).toEqual([]);
    expect((await asked(ben, { q: 'still', in: friends })).status).toBe(404);
    expect(await texts(ann, 'still')).toEqual(['still here']);
  });

  it('does not reach behind the joining where a group says so', async () => {
    const [ann, ben, cid] = await people(3);
    const friends = await group(ann, [ben], 'sinceJoin');
    const other = await group(ann, [ben], 'sinceJoin');
    for (const id of [friends, other]) await say(ann, id, 'secret early');
    for (const id of [friends, other]) {
      const body = { memberIds: [cid.id] };
      await call(server.url, 'POST', `/api/groups/${id}/members`, { as: ann, body });
      await say(ann, id, 'secret late');
    }
    await finds(cid, 'secret', ['secret late', 'secret late']);
    await finds(ben, { q: 'secret', in: friends }, ['secret late', 'secret early']);
    expect(await texts(cid, { q: 'secret', in: friends })).toEqual(['secret late']);
    expect(await texts(cid, 'early')).toEqual([]);
    expect(await texts(cid, 'earl')).toEqual([]);
    expect(await texts(cid, 'secret early')).toEqual([]);
    expect(await texts(cid, { from: ann.id })).toEqual(['secret late', 'secret late']);
  });

  it('needs a session', async () => {
    expect((await call(server.url, 'GET', '/api/messages/search?q=a')).status).toBe(401);
  });

  it('finds nothing of a group that is gone', async () => {
    const [ann] = await people(1);
    const friends = await group(ann, []);
    await say(ann, friends, 'gone soon');
    await finds(ann, 'gone', ['gone soon']);
    await call(server.url, 'DELETE', `/api/groups/${friends}`, { as: ann });
    expect(await texts(ann, 'gone')).toEqual([]);
  });
});

describe('changed messages', () => {
  it('are found as they are', async () => {
    const [ann, ben] = await people(2);
    const { _id } = await say(ann, ben, 'apples and pears');
    await finds(ben, 'apples', ['apples and pears']);
    const changedAt = performance.now();
    await call(server.url, 'PATCH', `/api/messages/${_id}`, {
      as: ann,
      body: { text: 'cherries' },
    });
    expect(await texts(ben, 'apples')).toEqual([]);
    await finds(ben, 'cherries', ['cherries']);
    expect(performance.now() - changedAt).toBeLessThan(2_000);
    await call(server.url, 'PUT', `/api/messages/${_id}/reactions/${encodeURIComponent('👍')}`, {
      as: ben,
    });
    const [hit] = await hits(ann, 'cherries');
    expect(hit?.message.reactions).toEqual([{ emoji: '👍', userIds: [ben.id] }]);
    await call(server.url, 'DELETE', `/api/messages/${_id}`, { as: ann });
    expect(await texts(ben, 'cherries')).toEqual([]);
    expect(await texts(ben, { from: ann.id })).toEqual([]);
  });

  it('are found within 2 s, and so are new ones', async () => {
    const [ann, ben] = await people(2);
    for (let round = 0; round < 5; round++) {
      const { _id } = await say(ann, ben, `new${round}`);
      const storedAt = performance.now();
      await finds(ben, `new${round}`, [`new${round}`]);
      expect(performance.now() - storedAt).toBeLessThan(2_000);
      const body = { text: `edited${round}` };
      await call(server.url, 'PATCH', `/api/messages/${_id}`, { as: ann, body });
      const editedAt = performance.now();
      await finds(ben, `edited${round}`, [`edited${round}`]);
      expect(performance.now() - editedAt).toBeLessThan(2_000);
    }
  });
});

describe('the order', () => {
  it('is: words as they are, next to each other, newer; and pages go on in it', async () => {
    const [ann, ben] = await people(2);
    for (const text of [
      'red apple old',
      'apple of a red tree',
      'red apple new',
      'red applesauce',
      'apple and red',
    ]) {
      await say(ann, ben, text);
    }
    const expected = [
      'red apple new',
      'red apple old',
      'apple and red',
      'apple of a red tree',
      'red applesauce',
    ];
    await finds(ann, 'red apple', expected);
    for (const limit of ['1', '2', '3', '4']) {
      const paged: string[] = [];
      let path: string | undefined = `/api/messages/search?q=red+apple&limit=${limit}`;
      while (path !== undefined) {
        const page: Response<SearchHit[]> = await call(server.url, 'GET', path, { as: ann });
        expect(page.body.length).toBeGreaterThan(0);
        paged.push(...page.body.map(({ message }) => message.text));
        path = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1];
      }
      expect(paged).toEqual(expected);
    }
  });

  it('goes on where it was when something new comes between two pages', async () => {
    const [ann, ben] = await people(2);
    const say3 = async (from: number) => {
      for (let n = from; n < from + 3; n++) await say(ann, ben, `blue ${n} sky`);
    };
    await say3(0);
    await finds(ann, 'sky blue', ['blue 2 sky', 'blue 1 sky', 'blue 0 sky']);
    const after = '2020-01-01T00:00:00Z';
    for (const q of ['sky blue', 'sky']) {
      const first = await asked(ann, { q, limit: '2', after });
      const path = /<([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
      expect(new URL(path, server.url).searchParams.get('after')).toBe(after);
      await say3(3);
      await eventually(async () => expect((await texts(ann, q)).length).toBeGreaterThan(3));
      const { body } = await call<SearchHit[]>(server.url, 'GET', path, { as: ann });
      expect(body[0]?.message.text).toBe(q === 'sky' ? body[0]?.message.text : 'blue 0 sky');
      expect(
        body.some(({ message }) => first.body.some((hit) => hit.message._id === message._id)),
      ).toBe(false);
    }
  });
});

describe('bad input', () => {
  let ann: Person;
  let ben: Person;
  beforeAll(async () => {
    [ann, ben] = await people(2);
    await say(ann, ben, 'aaaa (a+)+$ $where {"$gt":""} .* ^a');
    await finds(ann, 'where', ['aaaa (a+)+$ $where {"$gt":""} .* ^a']);
  });

  it.each([
    [{ q: '' }, 'query.q'],
    [{ q: '   ' }, 'query.q'],
    [{ in: 'a'.repeat(24) }, 'query.q'],
    [{ q: 'a', before: 'yesterday' }, 'query.before'],
    [{ q: 'a', after: '2026-02-30' }, 'query.after'],
    [{ q: 'a', after: '2026-13-01T00:00:00Z' }, 'query.after'],
    [{ q: 'a', before: '' }, 'query.before'],
    [{ q: 'a', before: '2026-01-01T00:00:00' }, 'query.before'],
    [{ q: 'a', in: 'nonsense' }, 'query.in'],
    [{ q: 'a', from: 'me' }, 'query.from'],
    [{ q: 'a', has: 'link' }, 'query.has'],
    [{ q: 'a', limit: '101' }, 'query.limit'],
    [{ q: 'a', cursor: 'nonsense' }, 'query.cursor'],
    [{ q: 'a', cursor: Buffer.from('[0,{"$gt":""},0]').toString('base64url') }, 'query.cursor'],
    [{ q: 'a', sort: 'x' }, 'query.sort'],
  ])('is refused by name: %o', async (query, path) => {
    const { status, body } = await asked(ann, query as Record<string, string>);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'invalid_input', errors: [{ path }] });
  });

  it('of more than 200 characters is refused, and 200 are not', async () => {
    for (const q of ['x'.repeat(201), 'x'.repeat(10_000), '👍'.repeat(201)]) {
      const { status, body } = await asked(ann, { q });
      expect(status).toBe(400);
      expect(body).toMatchObject({ errors: [{ path: 'query.q' }] });
    }
    expect(await texts(ann, '👍'.repeat(200))).toEqual([]);
  });

  it('of signs alone finds nothing, and with a filter what the filter says', async () => {
    expect(await texts(ann, '(((')).toEqual([]);
    expect(await texts(ann, { q: '👍', in: directConversationId(ann.id, ben.id) })).toEqual([]);
    expect(await texts(ann, { q: '(((', from: ann.id })).toHaveLength(1);
  });

  it('that means something elsewhere is literal, and fast', async () => {
    const startedAt = performance.now();
    for (const [query, found] of [
      ['(a+)+$', 1],
      ['(b+)+$', 0],
      ['where', 1],
      ['$where', 1],
      ['.*', 0],
      ['^aaaa', 1],
      ['aa.*', 1],
      ['a'.repeat(200), 0],
      ['一'.repeat(200), 0],
      [Array.from({ length: 100 }, (_, n) => String.fromCharCode(97 + (n % 26))).join(' '), 0],
    ] as const) {
      expect(await texts(ann, query), query).toHaveLength(found);
    }
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});
