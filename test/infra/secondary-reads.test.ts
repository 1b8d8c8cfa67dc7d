/** After a failure secondaries are left in peace, and then one reading tries for all. */
import mongoose from 'mongoose';
import { pino } from 'pino';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { createSecondaryReads, type ReadOptions } from '../../src/infra/secondary-reads.ts';
import { createDatabaseName } from '../support/database.ts';
import { databaseUri } from '../support/program.ts';

/** Longer than the rest after a failure. */
const REST_MS = 11_000;

const connection = mongoose.createConnection(databaseUri(createDatabaseName()));
afterAll(() => connection.close());
afterEach(() => {
  vi.restoreAllMocks();
});

it('one reading finds out for all whether secondaries answer again', async () => {
  await connection.asPromise();
  const counts = { answered: 0, failed: 0, resting: 0 };
  const read = createSecondaryReads({
    connection,
    count: (result) => counts[result]++,
    log: pino({ level: 'silent' }),
  });
  let answer: (works: boolean) => void = () => undefined;
  let attempts = 0;
  let outcome = new Promise<boolean>((resolve) => {
    answer = resolve;
  });
  const work = async ({ session }: ReadOptions): Promise<string> => {
    if (session === undefined) return 'primary';
    attempts++;
    if (await outcome) return 'secondary';
    throw new Error('it does not answer');
  };
  const next = (): void => {
    outcome = new Promise((resolve) => {
      answer = resolve;
    });
  };

  answer(false);
  expect(await read(work)).toBe('primary');
  expect(await read(work)).toBe('primary');
  expect(counts).toEqual({ answered: 0, failed: 1, resting: 1 });

  const now = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => now() + REST_MS);
  next();
  const probe = read(work);
  const others = await Promise.all(Array.from({ length: 5 }, () => read(work)));
  expect(new Set(others)).toEqual(new Set(['primary']));
  answer(true);
  expect(await probe).toBe('secondary');
  expect(attempts).toBe(2);

  expect(await Promise.all([read(work), read(work)])).toEqual(['secondary', 'secondary']);
  expect(counts).toEqual({ answered: 3, failed: 1, resting: 6 });
});
