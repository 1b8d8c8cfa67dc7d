/**
 * The terms of messages: one document per message, by which it is found.
 *
 * The index (conversation, term, id) gives the messages of a conversation that have a term, the
 * newest first: ids begin with the time. Of many conversations MongoDB merges these ranges, and
 * needs no document for it, as long as they are at most 200; beyond that it would read and sort
 * all. So conversations are asked about in groups, and merged here.
 *
 * Everything here can be found again in the messages, so writes wait for no majority and no
 * journal.
 */
import mongoose, { type Connection } from 'mongoose';
import { firstIdAt } from '../../infra/mongo.ts';
import type { Wanted } from './terms.ts';

/** What one message is found by. Short names, because each message has them. */
export interface TermsRecord {
  /** The message's. */
  _id: string;
  /** Its conversation. */
  c: string;
  /** Its seq. */
  s: number;
  /** Its rev at the last change of its content. */
  r: number;
  /** Its terms; none when it is deleted. */
  t: string[];
}

const schema = new mongoose.Schema<TermsRecord>(
  { _id: String, c: String, s: Number, r: Number, t: [String] },
  { collection: 'searchTerms', versionKey: false },
);
const INDEX = { c: 1, t: 1, _id: -1 } as const;
schema.index(INDEX);

/** The collection with its index, registered on a connection. */
export const termsModel = (connection: Connection) =>
  connection.model<TermsRecord>('SearchTerms', schema);

/** MongoDB's limit for merging in order (internalQueryMaxScansToExplode). */
const CONVERSATIONS_PER_QUERY = 200;
/** All of a large conversation would take longer than an operation may. */
const REMOVED_AT_ONCE = 500;
/** A search that takes longer is given up, and may be tried again. */
const MAX_MS = 3_000;
/** Each has a condition of its own. */
const PARTIAL_PER_QUERY = 50;
/**
 * Messages with a beginning among which the newest ones are looked for, in some 10 ms for 200
 * conversations; longer where what is hidden has to be told by the documents.
 */
const BEGINNING_MAX = 10_000;
/** An id is made before its message is stored, by a clock that may be wrong. */
export const CLOCK_MARGIN_MS = 60_000;
const unconfirmed = { writeConcern: { w: 1, journal: false } } as const;

/** The deployment's terms are complete but for what the instances' marks say. */
const COMPLETE = 'search';
const MARK = 'search:';
interface Setting {
  _id: string;
  value: unknown;
}

/** What may be found: conversations, and from where on. */
export interface Scope {
  /** Ids of conversations that are seen from their beginning. */
  whole: string[];
  /** Those that are seen only behind a seq. */
  partial: { id: string; fromSeq: number; joinedAt: Date }[];
}

/** Of ids; both are optional. */
export interface IdRange {
  from?: string;
  below?: string;
}

/** What was looked through, and what of it has all that is wanted. */
export interface LookedThrough {
  /** The newest first. */
  ids: string[];
  /** Down to this id; absent: down to the first message. */
  oldest?: string;
}

interface Gathered {
  count: number;
  ids: string[];
  oldest: string;
}

/** Where an instance stands: what it stored before this time has its terms. */
export interface Mark {
  instanceId: string;
  at: Date;
}

export type SearchStore = ReturnType<typeof createSearchStore>;

export function createSearchStore(connection: Connection) {
  const collection = termsModel(connection)
    .collection as unknown as mongoose.mongo.Collection<TermsRecord>;
  const settings = connection.collection<Setting>('deployment');

  const idsOf = (found: { _id: string }[]): string[] => found.map(({ _id }) => _id);

  /** About all conversations of a scope, in as many queries as it takes. */
  function filtersOf(
    { whole, partial }: Scope,
    term: string | RegExp,
    { from, below }: IdRange,
  ): mongoose.mongo.Filter<TermsRecord>[] {
    const rest = {
      t: term,
      ...(from === undefined && below === undefined
        ? {}
        : {
            _id: {
              ...(from === undefined ? {} : { $gte: from }),
              ...(below === undefined ? {} : { $lt: below }),
            },
          }),
    };
    return [
      ...groupsOf(whole, CONVERSATIONS_PER_QUERY).map((ids) => ({ c: { $in: ids }, ...rest })),
      ...groupsOf(partial, PARTIAL_PER_QUERY).map((some) => ({
        // Of all that was hidden only the index would be read otherwise; ids grow with the time.
        $or: some.map(({ id, fromSeq, joinedAt }) => {
          const since = firstIdAt(new Date(joinedAt.getTime() - CLOCK_MARGIN_MS));
          const lowest = from !== undefined && from > since ? from : since;
          const _id = { $gte: lowest, ...(below === undefined ? {} : { $lt: below }) };
          return { c: id, s: { $gt: fromSeq }, t: term, _id };
        }),
      })),
    ];
  }

  /** Ids in one document; many documents take longer, and few ones less than an aggregation. */
  async function gather(
    filters: mongoose.mongo.Filter<TermsRecord>[],
    stages: mongoose.mongo.Document[],
  ): Promise<Gathered[]> {
    const options = { hint: INDEX, maxTimeMS: MAX_MS };
    const found = await Promise.all(
      filters.map((filter) =>
        collection.aggregate<Gathered>([{ $match: filter }, ...stages], options).toArray(),
      ),
    );
    return found.flat();
  }

  return {
    /** Messages with a term, the newest first, at most `limit`. */
    newest: async (
      scope: Scope,
      term: string,
      range: IdRange,
      limit: number,
    ): Promise<string[]> => {
      const found = await Promise.all(
        filtersOf(scope, term, range).map((filter) =>
          collection
            .find(filter, {
              ...{ sort: { _id: -1 }, limit, projection: { _id: 1 } },
              ...{ ...inOneBatch(limit), hint: INDEX, maxTimeMS: MAX_MS },
            })
            .toArray(),
        ),
      );
      return newestFirst(found.flatMap(idsOf)).slice(0, limit);
    },
    /** Of the newest messages with a term, some `limit`, those that have all that is wanted, too. */
    newestHaving: async (
      scope: Scope,
      term: string,
      range: IdRange,
      limit: number,
      wanted: Wanted,
    ): Promise<LookedThrough> => {
      const found = await gather(filtersOf(scope, term, range), [
        { $sort: { _id: -1 } },
        { $limit: limit },
        {
          $group: {
            _id: null,
            count: { $sum: 1 },
            oldest: { $last: '$_id' },
            ids: { $push: idOfWanted(wanted) },
          },
        },
      ]);
      // Where not all was looked through, nothing is known of what is older.
      const [oldest] = newestFirst(
        found.flatMap(({ count, oldest }) => (count < limit ? [] : [oldest])),
      );
      const ids = newestFirst(found.flatMap(({ ids }) => ids));
      return {
        ids: oldest === undefined ? ids : ids.filter((id) => id >= oldest),
        ...(oldest === undefined ? {} : { oldest }),
      };
    },
    /**
     * Messages with a term that begins so, at most `limit`, the newest first. They are the newest
     * there are, unless the beginning is one of very many: then they are any.
     */
    beginning: async (
      scope: Scope,
      prefix: string,
      range: IdRange,
      limit: number,
    ): Promise<{ ids: string[]; isNewest: boolean }> => {
      const found = await gather(filtersOf(scope, beginsWith(prefix), range), [
        { $limit: BEGINNING_MAX },
        {
          $group: {
            _id: null,
            count: { $sum: 1 },
            ids: { $maxN: { input: '$_id', n: limit } },
          },
        },
      ]);
      return {
        ids: newestFirst(found.flatMap(({ ids }) => ids)).slice(0, limit),
        isNewest: found.every(({ count }) => count < BEGINNING_MAX),
      };
    },
    /** Of the given messages those that have all that is wanted, the newest first. */
    having: async (ids: string[], { terms, prefixes }: Wanted): Promise<string[]> => {
      const conditions = [...terms, ...prefixes.map(beginsWith)].map((t) => ({ t }));
      if (conditions.length === 0 || ids.length === 0) return ids;
      const filter = { _id: { $in: ids }, $and: conditions };
      const found = await collection
        .find(filter, {
          ...inOneBatch(ids.length),
          projection: { _id: 1 },
          hint: { _id: 1 },
          maxTimeMS: MAX_MS,
        })
        .toArray();
      return newestFirst(idsOf(found));
    },
    /** Puts in what is not there; what is there is newer or the same. */
    insert: async (records: TermsRecord[]): Promise<void> => {
      if (records.length === 0) return;
      const options = { ...unconfirmed, ordered: false };
      await collection.insertMany(records, options).catch(unlessTaken);
    },
    /** Replaces what is older. */
    replace: async (records: TermsRecord[]): Promise<void> => {
      if (records.length === 0) return;
      const operations = records.map(({ _id, ...replacement }) => ({
        replaceOne: { filter: { _id, r: { $lt: replacement.r } }, replacement, upsert: true },
      }));
      // Where a newer one is, the upsert meets it.
      const options = { ...unconfirmed, ordered: false };
      await collection.bulkWrite(operations, options).catch(unlessTaken);
    },
    /** Message -> rev of those that are there. */
    revs: async (ids: string[]): Promise<Map<string, number>> => {
      const found = await collection
        .find({ _id: { $in: ids } }, { projection: { r: 1 }, hint: { _id: 1 } })
        .toArray();
      return new Map(found.map(({ _id, r }) => [_id, r]));
    },
    removeConversation: async (conversationId: string): Promise<void> => {
      for (;;) {
        const found = await collection
          .find({ c: conversationId }, { projection: { _id: 1 }, hint: INDEX })
          .limit(REMOVED_AT_ONCE)
          .toArray();
        if (found.length === 0) return;
        await collection.deleteMany({ _id: { $in: idsOf(found) } }, unconfirmed);
      }
    },
    /** @returns whether nobody said before that all older messages have their terms, or will have */
    claimCompleteness: async (): Promise<boolean> => {
      const before = await settings.findOneAndUpdate(
        { _id: COMPLETE },
        { $setOnInsert: { value: true } },
        { upsert: true },
      );
      return before === null;
    },
    isComplete: async (): Promise<boolean> => (await settings.findOne({ _id: COMPLETE })) !== null,
    setMark: async ({ instanceId, at }: Mark, isUrgent = false): Promise<void> => {
      await settings.updateOne(
        { _id: MARK + instanceId },
        { $set: { value: at } },
        { upsert: true, ...(isUrgent ? {} : unconfirmed) },
      );
    },
    marks: async (): Promise<Mark[]> => {
      const found = await settings.find({ _id: /^search:/ }).toArray();
      return found.map(({ _id, value }) => ({
        instanceId: _id.slice(MARK.length),
        at: value as Date,
      }));
    },
    /** @param at unless it has moved since it was read: then its instance lives; absent: in any case */
    removeMark: async ({ instanceId, at }: Partial<Mark> & Pick<Mark, 'instanceId'>) => {
      await settings.deleteOne({
        _id: MARK + instanceId,
        ...(at === undefined ? {} : { value: at }),
      });
    },
  };
}

/** Where the first batch is not full, nothing has to be asked once more. */
const inOneBatch = (expected: number) => ({ batchSize: expected + 1 });

/** In an aggregation: the id of a message that has all that is wanted, else nothing. */
const idOfWanted = ({ terms, prefixes }: Wanted): unknown => {
  const conditions = [
    ...terms.map((term) => ({ $in: [{ $literal: term }, '$t'] })),
    ...prefixes.map((prefix) => {
      const begins = { $eq: [{ $indexOfBytes: ['$$this', { $literal: prefix }] }, 0] };
      return { $anyElementTrue: { $map: { input: '$t', in: begins } } };
    }),
  ];
  return { $cond: [{ $and: conditions }, '$_id', '$$REMOVE'] };
};

/** Terms consist of letters, digits and marks: none of them means anything to an expression. */
const beginsWith = (prefix: string): RegExp => new RegExp(`^${prefix}`);

const newestFirst = (ids: string[]): string[] => ids.sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));

function groupsOf<T>(items: T[], size: number): T[][] {
  const groups: T[][] = [];
  for (let at = 0; at < items.length; at += size) groups.push(items.slice(at, at + size));
  return groups;
}

/** What is there already is not missing. @throws whatever else went wrong */
function unlessTaken(error: unknown): void {
  if (!(error instanceof mongoose.mongo.MongoBulkWriteError)) throw error;
  const failures = [error.writeErrors].flat();
  if (failures.length === 0 || failures.some(({ code }) => code !== 11_000)) throw error;
}
