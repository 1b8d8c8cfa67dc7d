/**
 * Indexes as the schemas declare them, compared with those that a database has.
 *
 * Two indexes are the same when MongoDB would take a second creation for a repetition: the same
 * name, fields in the same order, and options. `_id_` is MongoDB's own and left out.
 */
import type { Connection, mongo } from 'mongoose';

type Key = Record<string, number | string>;

/** One index of one collection, declared or existing. */
export interface Index {
  collection: string;
  name: string;
  /** Fields in order; of a text index those beside the text. */
  key: Key;
  /** Only what is set; of a text index also its fields with their weights. */
  options: Partial<Record<(typeof comparedOptions)[number], unknown>>;
}

const comparedOptions = [
  'unique',
  'sparse',
  'hidden',
  'expireAfterSeconds',
  'partialFilterExpression',
  'collation',
  'weights',
  'default_language',
] as const;

/** A declared index that exists otherwise; `differences` says how, for a person. */
export interface DifferentIndex {
  declared: Index;
  existing: Index;
  differences: string[];
}

export interface IndexComparison {
  same: Index[];
  missing: Index[];
  different: DifferentIndex[];
  /** In a collection of ours, but not declared. */
  unknown: Index[];
}

/** All indexes that the registered models declare. */
export function declaredIndexes(connection: Connection): Index[] {
  return Object.values(connection.models).flatMap(({ collection, schema }) =>
    schema.indexes().map(([fields, options]) => {
      const key = fields as Key;
      const name = Object.entries(key).flat().join('_');
      return toIndex(collection.collectionName, { ...options, key, name });
    }),
  );
}

/** The names of the collections of the registered models. */
export const declaredCollections = (connection: Connection): string[] =>
  Object.values(connection.models).map(({ collection }) => collection.collectionName);

/** Sets what a database has beside what is declared. */
export async function compareIndexes(
  db: mongo.Db,
  collections: string[],
  declared: Index[],
): Promise<IndexComparison> {
  const existing: Index[] = [];
  for (const collection of collections) existing.push(...(await existingIndexes(db, collection)));
  const unclaimed = new Set(existing);
  const result: IndexComparison = { same: [], missing: [], different: [], unknown: [] };
  for (const index of declared) {
    const sameCollection = existing.filter(({ collection }) => collection === index.collection);
    const found =
      sameCollection.find(({ name }) => name === index.name) ??
      sameCollection.find((other) => unclaimed.has(other) && keyOf(other) === keyOf(index));
    if (found === undefined) {
      result.missing.push(index);
      continue;
    }
    unclaimed.delete(found);
    const differences = differencesOf(index, found);
    if (differences.length === 0) result.same.push(index);
    else result.different.push({ declared: index, existing: found, differences });
  }
  result.unknown.push(...unclaimed);
  return result;
}

/** Creates an index; waits for the one who builds the same at this moment. */
export async function createIndex(db: mongo.Db, { collection, name, key, options }: Index) {
  const { weights, ...rest } = options;
  const text = Object.fromEntries(Object.keys(weights ?? {}).map((field) => [field, 'text']));
  await db.collection(collection).createIndex({ ...key, ...text } as mongo.IndexSpecification, {
    ...(rest as mongo.CreateIndexesOptions),
    ...(weights === undefined ? {} : { weights: weights as mongo.Document }),
    name,
  });
}

/** For people: `messages: conversationId_1_seq_1 (unique)`. */
export function describeIndex({ collection, name, options }: Index): string {
  const told = Object.entries(options).map(([option, value]) =>
    value === true ? option : `${option} ${JSON.stringify(value)}`,
  );
  return `${collection}: ${name}${told.length === 0 ? '' : ` (${told.join(', ')})`}`;
}

async function existingIndexes(db: mongo.Db, collection: string): Promise<Index[]> {
  try {
    const found = await db.collection(collection).indexes();
    return found
      .filter(({ name }) => name !== '_id_')
      .map((description) => toIndex(collection, description));
  } catch (error) {
    // A collection that does not exist has none.
    if (error instanceof Error && 'code' in error && error.code === 26) return [];
    throw error;
  }
}

function toIndex(collection: string, description: mongo.Document): Index {
  const fields = Object.entries(description.key as Key);
  const isText = ([field, kind]: [string, number | string]) => kind === 'text' || field === '_ftsx';
  const textFields = fields.filter(isText).map(([field]) => [field, 1] as const);
  const options: Index['options'] = {};
  for (const option of comparedOptions) {
    const value: unknown = description[option];
    if (value !== undefined && value !== false) options[option] = value;
  }
  if (textFields.length > 0) {
    // MongoDB's own, where none is declared.
    options.default_language ??= 'english';
    const given = description.weights as Record<string, number> | undefined;
    const weights = { ...Object.fromEntries(textFields), ...given };
    // MongoDB's own names for the text itself.
    options.weights = Object.fromEntries(
      Object.entries(weights)
        .filter(([field]) => !field.startsWith('_fts'))
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }
  return {
    collection,
    name: description.name as string,
    key: Object.fromEntries(fields.filter((field) => !isText(field))),
    options,
  };
}

const keyOf = ({ key, options }: Index): string =>
  JSON.stringify([Object.entries(key), Object.keys(options.weights ?? {})]);

function differencesOf(declared: Index, existing: Index): string[] {
  const differences: string[] = [];
  const compare = (what: string, wanted: unknown, is: unknown): void => {
    const [a, b] = [JSON.stringify(wanted), JSON.stringify(is)];
    if (a !== b) differences.push(`${what} is ${b ?? 'not set'}, declared ${a ?? 'without'}`);
  };
  compare('name', declared.name, existing.name);
  compare('key', declared.key, existing.key);
  for (const option of comparedOptions) {
    const wanted = declared.options[option];
    const is = existing.options[option];
    compare(option, wanted, option === 'collation' ? collationAsDeclared(wanted, is) : is);
  }
  return differences;
}

/** MongoDB fills a collation up with its defaults; compared is what was declared. */
function collationAsDeclared(wanted: unknown, is: unknown): unknown {
  if (wanted === undefined || is === undefined) return is;
  const full = is as Record<string, unknown>;
  return Object.fromEntries(Object.keys(wanted as object).map((field) => [field, full[field]]));
}
