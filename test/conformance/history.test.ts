import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/protocol/types.ts';
import { type Person, send } from '../support/client.ts';
import { type Conversation, expectProblem, NOBODY, testTarget } from './target.ts';

const target = testTarget();

describe.each(['direct', 'group'] as const)('the history of a %s conversation', (kind) => {
  async function written(count: number) {
    const chat = await target.conversation(kind);
    const socket = await target.open(chat.ann);
    const texts = Array.from({ length: count }, (_, index) => `message ${index + 1}`);
    const sent = await Promise.all(texts.map((text) => send(socket, chat.to(chat.ben), text)));
    return { ...chat, sent };
  }

  const ask = (chat: Conversation, query: string, as: Person = chat.ben) =>
    target.call<Message[]>('GET', chat.historyPath(chat.ann) + query, { as });

  /** The seqs of a page, and its neighbours as the Link header gives them. */
  async function page(as: Person, path: string) {
    const answer = await target.call<Message[]>('GET', path, { as });
    expect(answer.status).toBe(200);
    const header = answer.headers.get('link') ?? '';
    const links = [...header.matchAll(/<([^>]+)>; rel="(\w+)"/g)];
    const of = (relation: string) => links.find(([, , name]) => name === relation)?.[1];
    return { seqs: answer.body.map(({ seq }) => seq), next: of('next'), prev: of('prev') };
  }

  it('is an empty array without links before the first message', async () => {
    const chat = await target.conversation(kind);
    const answer = await ask(chat, '');
    expect([answer.status, answer.body, answer.headers.get('link')]).toEqual([200, [], null]);
  });

  it('begins with the newest page and leads to older ones by "next", and back by "prev"', async () => {
    const { ben, ann, historyPath } = await written(7);
    const newest = await page(ben, `${historyPath(ann)}?limit=3`);
    expect(newest).toMatchObject({ seqs: [5, 6, 7], prev: undefined });
    const older = await page(ben, newest.next ?? '');
    expect(older.seqs).toEqual([2, 3, 4]);
    const oldest = await page(ben, older.next ?? '');
    expect(oldest).toMatchObject({ seqs: [1], next: undefined });
    const back = await page(ben, oldest.prev ?? '');
    expect(back.seqs).toEqual([2, 3, 4]);
    const end = await page(ben, back.prev ?? '');
    expect(end).toMatchObject({ seqs: [5, 6, 7], prev: undefined });
  });

  it('has 50 messages to a page, ascending', async () => {
    const { sent, ...chat } = await written(52);
    expect((await ask(chat, '')).body).toEqual(sent.slice(2));
    expect((await ask(chat, '?limit=100')).body).toEqual(sent);
  });

  it('is asked for what came before and after a message', async () => {
    const { sent, ...chat } = await written(5);
    expect((await ask(chat, '?before=3')).body).toEqual(sent.slice(0, 2));
    expect((await ask(chat, '?after=3')).body).toEqual(sent.slice(3));
    expect((await ask(chat, '?after=5')).body).toEqual([]);
    expect((await ask(chat, '?before=1')).body).toEqual([]);
  });

  it('refuses nonsense by name', async () => {
    const chat = await target.conversation(kind);
    for (const [query, name] of [
      ['limit=0', 'limit'],
      ['limit=101', 'limit'],
      ['limit=x', 'limit'],
      ['before=x', 'before'],
      ['after=-1', 'after'],
      ['before=1&after=2', 'after'],
      ['page=2', 'page'],
    ] as const) {
      const refused = await ask(chat, `?${query}`);
      expectProblem(refused, 'invalid_input');
      expect(refused.body, query).toMatchObject({ errors: [{ path: `query.${name}` }] });
    }
  });

  it('is read by nobody else', async () => {
    const { sent, ...chat } = await written(1);
    const [eve] = await target.people('Eve');
    const foreign = await ask(chat, '', eve);
    // Of a direct conversation, one can only ask for one's own with a person.
    if (kind === 'direct') expect(foreign.body).toEqual([]);
    else expectProblem(foreign, 'not_found');
    expect(JSON.stringify(foreign.body)).not.toContain(sent[0]?._id);
    expectProblem(await target.call('GET', chat.historyPath(chat.ann)), 'unauthenticated');
  });
});

describe('the history with a person that does not exist', () => {
  it('is not found', async () => {
    const [ann] = await target.people('Ann');
    expectProblem(await target.call('GET', `/api/messages/${NOBODY}`, { as: ann }), 'not_found');
  });
});
