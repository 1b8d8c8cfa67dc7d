/** `npm run indexes`: creates, checks and explains the indexes that the schemas declare. */
import { Command, Option } from 'commander';
import type { mongo } from 'mongoose';
import {
  compareIndexes,
  createIndex,
  declaredCollections,
  declaredIndexes,
  describeIndex,
  type Index,
  type IndexComparison,
} from '../../src/infra/indexes.ts';
import { createCollection } from '../../src/infra/mongo.ts';
import { type Database, endOnUsage, exitCodesHelp, runProgram } from '../lib/program.ts';
import { createProgress } from '../lib/progress.ts';
import { tell } from '../lib/step.mjs';
import { explainHotQueries, table } from './explain.ts';

interface Options {
  check: boolean;
  explain: boolean;
  dropUnknown: boolean;
  json: boolean;
}

const PROGRESS_EVERY_MS = 500;

const program = new Command('indexes')
  .description(
    'Creates the missing indexes, one after the other; the database goes on working meanwhile. ' +
      'Nothing is dropped unless --drop-unknown is given.',
  )
  .addOption(
    new Option(
      '--check',
      'only compare: exit code 1 when an index is missing, different or unknown',
    )
      .default(false)
      .conflicts(['explain', 'dropUnknown']),
  )
  .addOption(
    new Option('--explain', 'show the plan of each hot query, with its index and without')
      .default(false)
      .conflicts('dropUnknown'),
  )
  .option('--drop-unknown', 'drop what is not declared, and build anew what is different', false)
  .option('--json', 'the result as JSON on stdout', false)
  .addHelpText(
    'after',
    '\nWhile a different index is built anew, nothing stands in its place: queries read the whole\n' +
      'collection, and a unique one keeps nothing out. Stop the servers for that.\n' +
      `${exitCodesHelp}\nExamples:\n  npm run indexes\n  npm run indexes -- --check --json\n` +
      '  npm run indexes -- --explain',
  )
  .exitOverride(endOnUsage);

const isClean = ({ missing, different, unknown }: IndexComparison): boolean =>
  missing.length + different.length + unknown.length === 0;

/** The result for people, a line an index. */
function describe({ same, missing, different, unknown }: IndexComparison): string {
  const lines = [
    ...same.map((index) => `  as declared  ${describeIndex(index)}`),
    ...missing.map((index) => `  missing      ${describeIndex(index)}`),
    ...different.map(
      ({ declared, differences }) =>
        `  different    ${describeIndex(declared)}: ${differences.join('; ')}`,
    ),
    ...unknown.map((index) => `  unknown      ${describeIndex(index)}`),
  ];
  return lines.join('\n');
}

/** Builds one index and shows how far MongoDB has come. */
async function build(db: mongo.Db, index: Index): Promise<void> {
  const documents = await db.collection(index.collection).estimatedDocumentCount();
  const progress = createProgress(describeIndex(index), documents);
  const timer = setInterval(() => {
    scanned(db)
      .then((done) => progress.update(Math.min(done, documents)))
      // Only the display suffers; the build itself reports what happens to it.
      .catch(() => undefined);
  }, PROGRESS_EVERY_MS);
  try {
    await createIndex(db, index);
    progress.update(documents);
  } finally {
    clearInterval(timer);
    progress.stop();
  }
}

/** How many documents the index builds under way have read. */
async function scanned(db: mongo.Db): Promise<number> {
  const found = await db.client
    .db('admin')
    .aggregate([
      { $currentOp: {} },
      { $match: { msg: /^Index Build/, 'progress.done': { $exists: true } } },
    ])
    .toArray();
  return Math.max(0, ...found.map(({ progress }) => Number(progress.done)));
}

async function drop(db: mongo.Db, { collection, name }: Index): Promise<void> {
  tell(`dropping ${collection}: ${name}`);
  await db.collection(collection).dropIndex(name);
}

async function mend({ connection, db }: Database, dropUnknown: boolean, signal: AbortSignal) {
  const collections = declaredCollections(connection);
  for (const name of collections) await createCollection(db, name);
  const before = await compareIndexes(db, collections, declaredIndexes(connection));
  const replaced = dropUnknown ? before.different.map(({ declared }) => declared) : [];
  if (dropUnknown) for (const index of before.unknown) await drop(db, index);
  for (const index of before.missing) {
    signal.throwIfAborted();
    await build(db, index);
  }
  for (const { declared, existing } of dropUnknown ? before.different : []) {
    signal.throwIfAborted();
    await drop(db, existing);
    await build(db, declared);
  }
  return { created: [...before.missing, ...replaced] };
}

const options = program.parse().opts<Options>();
await runProgram(async ({ database, signal }) => {
  const { connection, db } = database;
  if (options.explain) {
    const explained = await explainHotQueries(database);
    console.log(options.json ? JSON.stringify(explained, null, 2) : table(explained));
    return 0;
  }
  const { created } = options.check
    ? { created: [] }
    : await mend(database, options.dropUnknown, signal);
  const result = await compareIndexes(
    db,
    declaredCollections(connection),
    declaredIndexes(connection),
  );
  if (options.json) console.log(JSON.stringify({ created, ...result }, null, 2));
  else console.log(describe(result));
  if (isClean(result)) return 0;
  const isWanting = result.missing.length + result.different.length > 0;
  if (!options.check)
    tell('What is different or unknown is left alone; --drop-unknown replaces it.');
  // Unknown indexes cost time, but they break nothing: only --check objects to them.
  return options.check || isWanting ? 1 : 0;
});
