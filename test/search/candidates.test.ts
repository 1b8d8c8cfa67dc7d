/**
 * What terms find, against looking at every message: on a MongoDB with so many that lists, windows
 * and beginnings are not read whole.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, withDatabase } from '../../scripts/lib/program.ts';
import { createRandom } from '../../scripts/seed/random.ts';
import { candidatesOf } from '../../src/features/search/candidates.ts';
import {
  createSearchStore,
  type IdRange,
  type Scope,
  type SearchStore,
  type TermsRecord,
} from '../../src/features/search/search.store.ts';
import { ANY, type Wanted } from '../../src/features/search/terms.ts';
import { createIndexes } from '../../src/infra/mongo.ts';
import { createDatabaseName, dropDatabase } from '../support/database.ts';
import { databaseUri } from '../support/program.ts';

const MESSAGES = 16_000;
/** Of two frequent terms every message has one; these have both, most of them lately. */
const haveBoth = (number: number): boolean => number % (number < MESSAGES - 2_000 ? 200 : 6) === 0;
const CONVERSATIONS = 260;
/** How often a message has it. */
const TERMS = { the: 0.9, them: 0.3, tea: 0.1, oak: 0.04, oar: 0.01, elm: 0.002 };
const BEGAN_AT = 0x6900_0000;

const random = createRandom('candidates');
const idOf = (number: number): string =>
  `${(BEGAN_AT + number).toString(16)}${number.toString(16).padStart(16, '0')}`;
const conversationOf = (number: number): string => `c${number}`;
const records: TermsRecord[] = Array.from({ length: MESSAGES }, (_, number) => {
  const isOld = number < MESSAGES / 8;
  return {
    _id: idOf(number),
    c: conversationOf(random.below(random.below(CONVERSATIONS) + 1)),
    s: number + 1,
    r: 0,
    t: [
      ANY,
      ...Object.entries(TERMS).flatMap(([term, share]) =>
        random.below(1_000) < share * 1_000 ? [term] : [],
      ),
      ...(number % 2 === 0 ? ['fig'] : []),
      ...(number % 2 === 1 || haveBoth(number) ? ['nut'] : []),
      // Many words of one beginning; and one that only old messages have.
      ...(isOld ? ['ash'] : []),
      `w${random.below(500)}`,
    ],
  };
});

const whole = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => conversationOf(n));
const everything: Scope = { whole: whole(CONVERSATIONS), partial: [] };
const few: Scope = { whole: whole(3), partial: [] };
const sinceJoining: Scope = {
  whole: whole(40),
  partial: Array.from({ length: 60 }, (_, n) => ({
    id: conversationOf(40 + n),
    fromSeq: MESSAGES / 2,
    joinedAt: new Date((BEGAN_AT + MESSAGES / 2) * 1_000),
  })),
};

function has({ t }: TermsRecord, { terms, prefixes }: Wanted): boolean {
  return (
    terms.every((term) => t.includes(term)) &&
    prefixes.every((prefix) => t.some((term) => term.startsWith(prefix)))
  );
}
function isIn({ c, s }: TermsRecord, scope: Scope): boolean {
  return (
    scope.whole.includes(c) || scope.partial.some(({ id, fromSeq }) => id === c && s > fromSeq)
  );
}
const expected = (scope: Scope, wanted: Wanted, { from = '', below = '~' }: IdRange): string[] =>
  records
    .filter((record) => has(record, wanted) && isIn(record, scope))
    .map(({ _id }) => _id)
    .filter((id) => id >= from && id < below)
    .reverse();

describe('candidates', () => {
  const database = createDatabaseName();
  let store: SearchStore;
  let end: () => void = () => undefined;
  let ended: Promise<void>;
  beforeAll(async () => {
    await new Promise<void>((resolve, reject) => {
      ended = withDatabase(databaseUri(database), async ({ connection, uri }: Database) => {
        store = createSearchStore(connection);
        await createIndexes(connection, uri);
        await store.insert(records);
        await new Promise<void>((done) => {
          end = done;
          resolve();
        });
      });
      ended.catch(reject);
    });
  });
  afterAll(async () => {
    end();
    await ended;
    await dropDatabase(database);
  });

  /** @param needed after so many it is enough; by default all are asked for */
  async function found(scope: Scope, wanted: Wanted, range: IdRange, needed = MESSAGES) {
    const ids: string[] = [];
    const missing = () => needed - ids.length;
    for await (const some of candidatesOf(store, scope, wanted, range, missing)) {
      expect(some.length).toBeGreaterThan(0);
      ids.push(...some);
      if (ids.length >= needed) break;
    }
    return ids.slice(0, needed);
  }

  const wantedOf = (terms: string[], prefixes: string[] = []): Wanted => ({ terms, prefixes });
  const cases: [string, Wanted][] = [
    ['a common word', wantedOf(['the'])],
    ['a rare word', wantedOf(['elm'])],
    ['a word that nothing has', wantedOf(['yew'])],
    ['two common words', wantedOf(['them', 'tea'])],
    ['a common and a rare word', wantedOf(['them', 'elm'])],
    ['three words', wantedOf(['the', 'tea', 'oak'])],
    ['a word of old messages, and one of few', wantedOf(['ash', 'oak'])],
    ['a beginning that few have', wantedOf([], ['el'])],
    ['a beginning that some thousands have', wantedOf([], ['te'])],
    ['a word and a beginning', wantedOf(['tea'], ['oa'])],
    ['a rare word and a common beginning', wantedOf(['oar'], ['th'])],
    ['a word and a beginning of very many', wantedOf(['them'], ['w'])],
    ['two beginnings', wantedOf(['the'], ['te', 'oa'])],
  ];
  const scopes = { everything, few, sinceJoining };
  const half = idOf(MESSAGES / 2);

  describe.each(Object.entries(scopes))('in %s', (_, scope) => {
    it.each(cases)('are all of them, the newest first: %s', async (_name, wanted) => {
      for (const range of [{}, { below: half }, { from: half }]) {
        const all = expected(scope, wanted, range);
        expect(await found(scope, wanted, range)).toEqual(all);
        expect(await found(scope, wanted, range, 21)).toEqual(all.slice(0, 21));
      }
    });
  });

  it('of the beginning of very many are the newest, down to some thousands of messages', async () => {
    const wanted = wantedOf([], ['w']);
    const all = expected(everything, wanted, {});
    expect(all).toHaveLength(MESSAGES);
    const ids = await found(everything, wanted, {});
    expect(ids.length).toBeGreaterThanOrEqual(7_500);
    expect(ids.slice(0, 7_500)).toEqual(all.slice(0, 7_500));
    expect(ids).toEqual([...new Set(ids)].sort().reverse());
  });

  it('of words that are together in few come from the newest 7,500 messages of the rarer', async () => {
    const wanted = wantedOf(['fig', 'nut']);
    const all = expected(everything, wanted, {});
    const rarer = expected(everything, wantedOf(['fig']), {});
    const within = all.filter((id) => id >= (rarer[7_499] ?? ''));
    expect(within.length).toBeLessThan(all.length);
    // In conversations of which few are busy, asked in two queries; and many times, because what
    // was found lately lets more be expected.
    const ids = await found(everything, wanted, {}, 450);
    expect(ids.slice(0, within.length)).toEqual(within);
    expect(all.slice(0, ids.length)).toEqual(ids);
  });
});
