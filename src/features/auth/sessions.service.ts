/**
 * Sessions: a signed token names one, the database says whether it still stands.
 *
 * A session read once is trusted for a minute, because its end is announced to every
 * instance (bus topic `session.ended`); while announcements do not arrive, for one second.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { LRUCache } from 'lru-cache';
import { notFound, signedOut } from '../../errors.ts';
import type { Bus } from '../../infra/bus.ts';
import { withLimit } from '../../infra/lifecycle.ts';
import type { Logger } from '../../infra/logger.ts';
import { limits } from '../../protocol/limits.ts';
import type { Session } from '../../protocol/types.ts';
import type { SessionGrant } from '../../transport/operation.ts';
import type { SessionRecord, SessionStore } from './sessions.store.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const TRUST_MS = 60_000;
const TRUST_UNHEARD_MS = 1_000;
/** "Last used" is kept to within so much. */
const TOUCH_EVERY_MS = 10 * 60_000;
/** A database that hangs must leave a request time to be answered within 5 s. */
const FIND_MS = 2_000;
const CACHED_SESSIONS = 50_000;
/** One algorithm, named both when signing and when verifying. */
const ALGORITHM = 'HS256';

/** A verified session of a request or socket. */
export interface ActiveSession {
  sessionId: string;
  userId: string;
  /** When the token presented was issued. */
  issuedAt: Date;
  expiresAt: Date;
}

/** The token that names a session, good for as long as a session lasts. */
export function signSession(
  secret: string | KeyObject,
  sessionId: string,
  userId: string,
  issuedAt: Date,
): SessionGrant {
  const expiresAt = new Date(issuedAt.getTime() + limits.sessionDays * DAY_MS);
  const seconds = (time: Date): number => Math.floor(time.getTime() / 1_000);
  const token = jwt.sign(
    { sid: sessionId, sub: userId, iat: seconds(issuedAt), exp: seconds(expiresAt) },
    secret,
    { algorithm: ALGORITHM },
  );
  return { token, expiresAt };
}

export type SessionService = ReturnType<typeof createSessionService>;

export function createSessionService(deps: {
  store: SessionStore;
  bus: Pick<Bus, 'announce' | 'on' | 'onGap' | 'healthy'>;
  secret: string;
  newId: () => string;
  clock: () => Date;
  log: Logger;
}) {
  const { store, bus, clock, log } = deps;
  // Of a text the library would make a key each time, and first try to make another kind of it.
  const secret = createSecretKey(Buffer.from(deps.secret));
  const cache = new LRUCache<string, { record: SessionRecord; readAt: number }>({
    max: CACHED_SESSIONS,
  });
  const signed = new LRUCache<string, Claims>({ max: CACHED_SESSIONS });
  const reading = new Map<string, Promise<SessionRecord | undefined>>();
  const endedHandlers: ((sessionId: string) => void)[] = [];
  /** Grows with each end, so that what was read before it is not kept after it. */
  let generation = 0;

  bus.on<{ sessionId: string }>('session.ended', ({ sessionId }) => {
    generation++;
    cache.delete(sessionId);
    for (const handler of endedHandlers) handler(sessionId);
  });
  bus.onGap(() => {
    generation++;
    cache.clear();
  });

  /** Its signature is checked once; that it has not expired, each time. */
  function claimsOf(token: string): Claims | undefined {
    const known = signed.get(token);
    if (known !== undefined && known.exp * 1_000 > Date.now()) return known;
    const claims = decode(token, secret);
    if (claims !== undefined) signed.set(token, claims);
    return claims;
  }

  function held(sessionId: string): SessionRecord | undefined {
    const trust = bus.healthy() ? TRUST_MS : TRUST_UNHEARD_MS;
    const cached = cache.get(sessionId);
    const isTrusted = cached !== undefined && performance.now() - cached.readAt < trust;
    return isTrusted ? cached.record : undefined;
  }

  /** One reading of a session at a time. */
  function read(sessionId: string): Promise<SessionRecord | undefined> {
    let underWay = reading.get(sessionId);
    if (underWay === undefined) {
      underWay = readNow(sessionId).finally(() => reading.delete(sessionId));
      reading.set(sessionId, underWay);
    }
    return underWay;
  }

  async function readNow(sessionId: string): Promise<SessionRecord | undefined> {
    for (;;) {
      const readAt = performance.now();
      const before = generation;
      const record = await withLimit(store.find(sessionId), FIND_MS, 'looking a session up');
      // It may have ended while it was read.
      if (before !== generation) continue;
      if (record === null) {
        cache.delete(sessionId);
        return undefined;
      }
      cache.set(sessionId, { record, readAt });
      noteUse(record);
      return record;
    }
  }

  function noteUse(record: SessionRecord): void {
    const now = clock();
    if (now.getTime() - record.lastUsedAt.getTime() < TOUCH_EVERY_MS) return;
    record.lastUsedAt = now;
    store.touch(record._id, now).catch((error: unknown) => {
      log.warn({ err: error, sessionId: record._id }, '"last used" could not be stored');
    });
  }

  /** @throws AppError unauthenticated */
  function activeSession(claims: Claims, record: SessionRecord | undefined): ActiveSession {
    const stands =
      record !== undefined &&
      record.userId === claims.sub &&
      record.expiresAt.getTime() > clock().getTime();
    if (!stands) throw signedOut();
    const { _id: sessionId, userId, expiresAt } = record;
    return { sessionId, userId, issuedAt: new Date(claims.iat * 1_000), expiresAt };
  }

  const remove = (sessionId: string, userId: string): Promise<boolean> =>
    bus.announce('session.ended', async (transaction) => {
      const result = await store.remove(sessionId, userId, transaction);
      return result ? { payload: { sessionId }, result } : { result };
    });

  return {
    /** Opens a session for a user whose password was right. */
    open: async (userId: string, userAgent: string): Promise<SessionGrant> => {
      const now = clock();
      const sessionId = deps.newId();
      const grant = signSession(secret, sessionId, userId, now);
      await store.insert({
        _id: sessionId,
        userId,
        userAgent: userAgent.slice(0, 300),
        createdAt: now,
        lastUsedAt: now,
        expiresAt: grant.expiresAt,
      });
      return grant;
    },

    /** Whether this server signed the token, and it has not expired; asks no database. */
    isSigned: (token: string): boolean => claimsOf(token) !== undefined,

    /** Without waiting where the session is known. @throws AppError unauthenticated */
    verify: (token: string): ActiveSession | Promise<ActiveSession> => {
      const claims = claimsOf(token);
      if (claims === undefined) throw signedOut();
      const record = held(claims.sid);
      return record === undefined
        ? read(claims.sid).then((found) => activeSession(claims, found))
        : activeSession(claims, record);
    },

    /** A new token for a session whose present one is older than a day; else undefined. */
    renew: async (session: ActiveSession): Promise<SessionGrant | undefined> => {
      const now = clock();
      if (now.getTime() - session.issuedAt.getTime() < DAY_MS) return undefined;
      const grant = signSession(secret, session.sessionId, session.userId, now);
      await store.extend(session.sessionId, now, grant.expiresAt);
      cache.delete(session.sessionId);
      return grant;
    },

    /**
     * Ends a session; resolves when every live instance knows.
     * @throws AppError not_found when it is not the user's.
     */
    end: async (sessionId: string, userId: string): Promise<void> => {
      if (!(await remove(sessionId, userId))) throw notFound('This session');
    },
    /** Ends the session of a request; no error when it has ended meanwhile. */
    endOwn: async ({ sessionId, userId }: { sessionId: string; userId: string }): Promise<void> => {
      await remove(sessionId, userId);
    },

    list: async (userId: string, currentId: string): Promise<Session[]> => {
      const sessions = await store.listOf(userId);
      return sessions.map((session) => ({
        _id: session._id,
        createdAt: session.createdAt.toISOString(),
        lastUsedAt: session.lastUsedAt.toISOString(),
        expiresAt: session.expiresAt.toISOString(),
        userAgent: session.userAgent,
        current: session._id === currentId,
      }));
    },

    /**
     * Of the given sessions those that still stand, read from the database, with the time at
     * which each expires (milliseconds since 1970).
     */
    stillStanding: async (sessionIds: string[]): Promise<Map<string, number>> => {
      const now = clock().getTime();
      const found = await store.findMany(sessionIds);
      const expiries = found.map(({ _id, expiresAt }) => [_id, expiresAt.getTime()] as const);
      return new Map(expiries.filter(([, expiresAt]) => expiresAt > now));
    },

    /** Grows with every session that this instance heard the end of. */
    endings: (): number => generation,
    /** Called on this instance whenever a session was ended anywhere. */
    onEnded: (handler: (sessionId: string) => void): void => {
      endedHandlers.push(handler);
    },
  };
}

/** What a token says; `iat` and `exp` in seconds since 1970. */
interface Claims {
  sid: string;
  sub: string;
  iat: number;
  exp: number;
}

function decode(token: string, secret: KeyObject): Claims | undefined {
  try {
    const claims = jwt.verify(token, secret, { algorithms: [ALGORITHM] });
    if (typeof claims === 'string') return undefined;
    const { sid, sub, iat, exp } = claims;
    if (typeof sid === 'string' && sub !== undefined && iat !== undefined && exp !== undefined) {
      return { sid, sub, iat, exp };
    }
  } catch {
    // Forged, expired or not a token at all: the caller gets one answer for all of them.
  }
  return undefined;
}
