import { describe, expect, it } from 'vitest';
import type { Message, SearchHit } from '../../src/protocol/types.ts';
import { eventually, type Person, send } from '../support/client.ts';
import { expectKeys, expectProblem, NOBODY, testTarget } from './target.ts';

const target = testTarget();
const ask = (as: Person, query: Record<string, string>) =>
  target.call<SearchHit[]>('GET', `/api/messages/search?${new URLSearchParams(query)}`, { as });
const texts = async (as: Person, query: Record<string, string>): Promise<string[]> => {
  const { status, body } = await ask(as, query);
  expect(status).toBe(200);
  return body.map(({ message }) => message.text);
};

describe.each(['direct', 'group'] as const)('search in a %s conversation', (kind) => {
  it('finds whole messages with what to mark, by words, people and conversation', async () => {
    const { ann, ben, id, to } = await target.conversation(kind);
    const [fromAnn, fromBen] = [await target.open(ann), await target.open(ben)];
    const sent = await send(fromAnn, to(ben), 'Crème brûlée for all');
    await send(fromBen, to(ann), 'creme? never');
    await eventually(async () => expect(await texts(ann, { q: 'creme' })).toHaveLength(2));
    const { body } = await ask(ben, { q: 'all creme' });
    expect(body).toEqual([
      {
        message: sent satisfies Message,
        highlights: [
          [0, 5],
          [17, 3],
        ],
      },
    ]);
    expectKeys(body[0] ?? {}, ['message', 'highlights']);
    expect(await texts(ann, { q: 'creme', from: ben.id })).toEqual(['creme? never']);
    expect(await texts(ann, { q: 'creme', in: id })).toHaveLength(2);
    expect(await texts(ann, { q: 'brul' })).toEqual(['Crème brûlée for all']);
  });

  it('finds nothing for others, who are not told whether there is such a conversation', async () => {
    const { ann, ben, id, to } = await target.conversation(kind);
    const [eve] = await target.people('Eve');
    await send(await target.open(ann), to(ben), 'not for Eve');
    await eventually(async () => expect(await texts(ben, { q: 'eve' })).toHaveLength(1));
    expect(await texts(eve, { q: 'eve' })).toEqual([]);
    expectProblem(await ask(eve, { q: 'eve', in: id }), 'not_found');
    expectProblem(await ask(eve, { q: 'eve', in: NOBODY }), 'not_found');
  });
});

describe('a search', () => {
  it('that cannot be one is refused by the name of the field', async () => {
    const [ann] = await target.people('Ann');
    for (const [query, path] of [
      [{ q: 'x'.repeat(201) }, 'query.q'],
      [{}, 'query.q'],
      [{ q: 'x', before: 'soon' }, 'query.before'],
      [{ q: 'x', after: '2026-02-30' }, 'query.after'],
      [{ q: 'x', cursor: 'x' }, 'query.cursor'],
    ] as [Record<string, string>, string][]) {
      const answer = await ask(ann, query);
      expectProblem(answer, 'invalid_input');
      expect(answer.body).toMatchObject({ errors: [{ path }] });
    }
    expect(await texts(ann, { q: '(((' })).toEqual([]);
  });
});
