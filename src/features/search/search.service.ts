/**
 * Search of messages.
 *
 * The words and filters are terms; permission is part of each query: only the caller's
 * conversations are asked about. Terms give candidates, the newest first; each is read and
 * compared with its text as it is now, so what was edited or deleted is right at once.
 *
 * Hits come in stages. First messages with all words as they are, then those in which the last one
 * is the beginning of a word; in each the newest first. Whether words stand next to each other only
 * the text tells: of several words the newest 100 matches are read at a time, and those in which
 * they do come first.
 *
 * Known limit: words that are each in very many messages, and together in few, are looked for in
 * the newest 7,500 messages with the rarest of them.
 */
import { invalid } from '../../errors.ts';
import { firstIdAt } from '../../infra/mongo.ts';
import type { Message, SearchHit } from '../../protocol/types.ts';
import type { Caller } from '../../transport/operation.ts';
import type { ConversationService } from '../conversations/conversations.service.ts';
import type { MessageService } from '../messages/messages.service.ts';
import { candidatesOf } from './candidates.ts';
import { type Match, matchOf } from './rank.ts';
import { CLOCK_MARGIN_MS, type IdRange, type Scope, type SearchStore } from './search.store.ts';
import { ANY, HAS_ATTACHMENT, mayBePrefix, type Part, partsOf, sentBy, wantedOf } from './terms.ts';

export interface SearchRequest {
  q: string;
  /** A conversation's id. */
  in?: string | undefined;
  /** A user's id. */
  from?: string | undefined;
  before?: Date | undefined;
  after?: Date | undefined;
  has?: 'attachment' | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** Matches that are compared with each other at a time, where the text decides. */
const RANKED_AT_ONCE = 100;
const LAST_SECOND_MS = 0xffff_ffff * 1_000;

/** Where to go on: in which stage, below which id, behind how many of those ranked there. */
interface Position {
  stage: number;
  below?: string;
  offset: number;
}

interface Hit extends SearchHit {
  match: Match;
  /** Behind it. */
  next: Position;
}

type Store = Pick<SearchStore, 'newest' | 'newestHaving' | 'beginning' | 'having'>;

/** What is looked for, and among what. */
interface Search {
  /** For this search alone. */
  store: Store;
  request: SearchRequest;
  parts: Part[];
  scope: Scope;
  /** How many stages there are. */
  stages: number;
}

export type SearchService = ReturnType<typeof createSearchService>;

export function createSearchService(deps: {
  store: Store;
  conversations: Pick<ConversationService, 'overview' | 'authorize'>;
  messages: Pick<MessageService, 'findMany'>;
}) {
  const { conversations, messages } = deps;

  /** @throws AppError not_found for a conversation that is not the caller's */
  async function scopeOf(userId: string, conversationId: string | undefined): Promise<Scope> {
    const own =
      conversationId === undefined
        ? await conversations.overview(userId)
        : [{ _id: conversationId, ...(await conversations.authorize(userId, conversationId)) }];
    return {
      whole: own.filter(({ fromSeq }) => fromSeq === 0).map(({ _id }) => _id),
      partial: own.flatMap(({ _id, fromSeq, joinedAt = new Date(0) }) =>
        fromSeq === 0 ? [] : [{ id: _id, fromSeq, joinedAt }],
      ),
    };
  }

  /** A message as it is now, if it is what is looked for in this stage. */
  function hitOf({ request, parts }: Search, stage: number, message: Message): Hit | undefined {
    const { before, after, from, has } = request;
    const at = Date.parse(message.createdAt);
    if (message.deletedAt !== undefined) return undefined;
    if (before !== undefined && at >= before.getTime()) return undefined;
    if (after !== undefined && at < after.getTime()) return undefined;
    if (from !== undefined && message.senderId !== from) return undefined;
    if (has !== undefined && (message.attachments?.length ?? 0) === 0) return undefined;
    const match = matchOf(message.text, parts, stage === 1);
    // Those with the words as they are came in the stage before.
    if (match === undefined || (stage === 1 && match.isExact)) return undefined;
    const next = { stage, below: message._id, offset: 0 };
    return { message, highlights: match.highlights, match, next };
  }

  /** The next hits of a stage below an id, the newest first; fewer than `count`: there are no more. */
  async function hitsBelow(
    search: Search,
    { stage, below }: Position,
    count: number,
  ): Promise<Hit[]> {
    const { store, request, parts, scope } = search;
    const wanted = wantedOf(parts, stage === 1);
    if (request.from !== undefined) wanted.terms.push(sentBy(request.from));
    if (request.has !== undefined) wanted.terms.push(HAS_ATTACHMENT);
    if (wanted.terms.length + wanted.prefixes.length === 0) wanted.terms.push(ANY);
    const range = rangeOf(request, below);
    const hits: Hit[] = [];
    const missing = (): number => count - hits.length;
    for await (const ids of candidatesOf(store, scope, wanted, range, missing)) {
      const found = await messages.findMany(ids);
      for (const id of ids) {
        const message = found.get(id);
        const hit = message === undefined ? undefined : hitOf(search, stage, message);
        if (hit !== undefined) hits.push(hit);
        if (hits.length === count) return hits;
      }
    }
    return hits;
  }

  /** One page, and what would follow it. */
  async function page(search: Search, start: Position): Promise<Hit[]> {
    const wanted = search.request.limit + 1;
    // One word is there or not; only of several it matters how they stand.
    const isRanked = search.parts.length > 1;
    const page: Hit[] = [];
    let position: Position | undefined = start;
    while (position !== undefined && page.length < wanted) {
      const { stage, offset }: Position = position;
      const count = isRanked ? RANKED_AT_ONCE : wanted - page.length;
      const hits = await hitsBelow(search, position, count);
      page.push(
        ...(isRanked ? ranked(hits, stage) : hits).slice(offset, offset + wanted - page.length),
      );
      const last = hits.at(-1)?.message._id;
      if (hits.length === count && last !== undefined) {
        position = { stage, below: last, offset: 0 };
      } else {
        position = stage + 1 < search.stages ? { stage: stage + 1, offset: 0 } : undefined;
      }
    }
    return page;
  }

  return {
    /**
     * Messages of the caller's conversations, the best first.
     * @throws AppError not_found, invalid_input (cursor)
     */
    search: async (
      caller: Caller,
      request: SearchRequest,
    ): Promise<{ hits: SearchHit[]; next?: string }> => {
      const parts = partsOf(request.q);
      const start = positionOf(request.cursor);
      const scope = await scopeOf(caller.userId, request.in);
      // Signs alone are no words, and must not list everything.
      const isNothing = parts.length === 0 && !hasFilter(request);
      if (isNothing || scope.whole.length + scope.partial.length === 0) return { hits: [] };
      const stages = mayBePrefix(parts) ? 2 : 1;
      const found = await page(
        { store: remembering(deps.store), request, parts, scope, stages },
        start,
      );
      const shown = found.slice(0, request.limit);
      const hits = shown.map(({ message, highlights }) => ({ message, highlights }));
      const last = shown.at(-1);
      return found.length > request.limit && last !== undefined
        ? { hits, next: encode(last.next) }
        : { hits };
    },
  };
}

/** The second stage asks for some of the same as the first one. */
function remembering(store: Store): Store {
  const known = new Map<string, Promise<string[]>>();
  return {
    ...store,
    newest: (scope, term, range, limit) => {
      const question = JSON.stringify([term, range, limit]);
      const answer = known.get(question) ?? store.newest(scope, term, range, limit);
      known.set(question, answer);
      return answer;
    },
  };
}

const hasFilter = ({ from, has, before, after }: SearchRequest): boolean =>
  [from, has, before, after].some((filter) => filter !== undefined);

/** Those in which the words stand next to each other first; of equals the newer. */
function ranked(hits: Hit[], stage: number): Hit[] {
  const newest = hits[0];
  if (newest === undefined) return [];
  // Just above it, so that what comes in meanwhile moves nothing.
  const below = `${newest.message._id}0`;
  return [
    ...hits.filter(({ match }) => match.isPhrase),
    ...hits.filter(({ match }) => !match.isPhrase),
  ].map((hit, index) => ({ ...hit, next: { stage, below, offset: index + 1 } }));
}

/** Ids of messages that may be of the time that is asked for; their own time decides. */
function rangeOf({ before, after }: SearchRequest, below: string | undefined): IdRange {
  const idAt = (at: Date, marginMs: number): string =>
    firstIdAt(new Date(Math.min(Math.max(at.getTime() + marginMs, 0), LAST_SECOND_MS)));
  const until = before === undefined ? undefined : idAt(before, CLOCK_MARGIN_MS);
  const lowest = below === undefined || (until !== undefined && until < below) ? until : below;
  return {
    ...(after === undefined ? {} : { from: idAt(after, -CLOCK_MARGIN_MS) }),
    ...(lowest === undefined ? {} : { below: lowest }),
  };
}

const encode = ({ stage, below, offset }: Position): string =>
  Buffer.from(JSON.stringify([stage, below, offset])).toString('base64url');

function positionOf(cursor: string | undefined): Position {
  if (cursor === undefined) return { stage: 0, offset: 0 };
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(value) && value.length === 3) {
      const [stage, below, offset] = value as unknown[];
      const isOurs = typeof below === 'string' && /^[0-9a-f]{24}0?$/.test(below);
      if ((stage === 0 || stage === 1) && isOurs && Number.isSafeInteger(offset)) {
        return { stage, below, offset: Math.max(0, offset as number) };
      }
    }
  } catch {
    // Answered below, like every cursor that is not ours.
  }
  throw invalid('query.cursor', 'must be a cursor from a Link header');
}
