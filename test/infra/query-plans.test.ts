/** What the stores really ask of MongoDB, and how it answers: no query reads a whole collection. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ExplainedQuery, explainHotQueries } from '../../scripts/indexes/explain.ts';
import { withDatabase } from '../../scripts/lib/program.ts';
import { openSessions } from '../../scripts/seed/logins.ts';
import { seed } from '../../scripts/seed/seed.ts';
import { createDatabaseName, dropDatabase } from '../support/database.ts';
import { databaseUri } from '../support/program.ts';

describe('the hot queries', () => {
  const database = createDatabaseName();
  let explained: ExplainedQuery[];
  beforeAll(async () => {
    explained = await withDatabase(databaseUri(database), async (opened) => {
      const size = { users: 400, groups: 20, messages: 20_000 };
      const given = { name: 'plans', ...size, until: '2026-11-01T00:00:00.000Z' };
      const { plan } = await seed(opened, given, 4, new AbortController().signal);
      await openSessions(opened, plan, 'a secret of the tests that is long enough');
      return explainHotQueries(opened);
    });
  });
  afterAll(() => dropDatabase(database));

  it('are answered by an index, and examine what they return', () => {
    expect(explained.length).toBeGreaterThan(20);
    for (const { query, allowance, withIndex } of explained) {
      expect(withIndex.plan, query).toMatch(/IXSCAN|IDHACK/);
      expect(withIndex.plan, query).not.toContain('COLLSCAN');
      expect(withIndex.documentsExamined, query).toBeLessThanOrEqual(
        withIndex.returned + allowance,
      );
    }
  });

  it('return the same without an index, from the whole collection', () => {
    for (const { query, withIndex, withoutIndex } of explained) {
      expect(withoutIndex.plan, query).toContain('COLLSCAN');
      expect(withoutIndex.returned, query).toBe(withIndex.returned);
    }
  });

  it('of history, sync and the directory need no sorting in memory', () => {
    const ordered = explained.filter(({ query }) => /^(history|sync|directory)/.test(query));
    expect(ordered.length).toBeGreaterThan(5);
    for (const { query, withIndex } of ordered) {
      expect(withIndex.plan.split(' < '), query).not.toContain('SORT');
    }
  });
});
