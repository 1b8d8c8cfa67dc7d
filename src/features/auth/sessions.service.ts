/**
 * Sessions: a signed token names one, the database says whether it still stands.
 *
 * A session read once is trusted for a minute, because its end is announced to every
 * instance (bus topic `session.ended`); while announcements do not arrive, for one second.
 */
import jwt from 'jsonwebtoken';
import { LRUCache } from 'lru-cache';
import { AppError, notFound } from '../../errors.ts';
import type { Bus } from '../../infra/bus.ts';
import { limits } from '../../protocol/limits.ts';
import type { Session } from '../../protocol/types.ts';
import type { SessionGrant } from '../../transport/operation.ts';
import type { SessionRecord, SessionStore } from './sessions.store.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const TRUST_MS = 60_000;
const TRUST_UNHEARD_MS = 1_000;
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

export type SessionService = ReturnType<typeof createSessionService>;

export function createSessionService(deps: {
  store: SessionStore;
  bus: Pick<Bus, 'announce' | 'on' | 'onGap' | 'healthy'>;
  secret: string;
  newId: () => string;
  clock: () => Date;
}) {
  const { store, bus, secret, clock } = deps;
  const cache = new LRUCache<string, { record: SessionRecord; readAt: number }>({
    max: CACHED_SESSIONS,
  });
  const endedHandlers: ((sessionId: string) => void)[] = [];

  bus.on<{ sessionId: string }>('session.ended', ({ sessionId }) => {
    cache.delete(sessionId);
    for (const handler of endedHandlers) handler(sessionId);
  });
  bus.onGap(() => cache.clear());

  function sign(sessionId: string, userId: string, issuedAt: Date): SessionGrant {
    const expiresAt = new Date(issuedAt.getTime() + limits.sessionDays * DAY_MS);
    const seconds = (time: Date): number => Math.floor(time.getTime() / 1_000);
    const token = jwt.sign(
      { sid: sessionId, sub: userId, iat: seconds(issuedAt), exp: seconds(expiresAt) },
      secret,
      { algorithm: ALGORITHM },
    );
    return { token, expiresAt };
  }

  async function standing(sessionId: string): Promise<SessionRecord | undefined> {
    const trust = bus.healthy() ? TRUST_MS : TRUST_UNHEARD_MS;
    const cached = cache.get(sessionId);
    if (cached !== undefined && performance.now() - cached.readAt < trust) return cached.record;
    const readAt = performance.now();
    const record = await store.find(sessionId);
    if (record === null) {
      cache.delete(sessionId);
      return undefined;
    }
    cache.set(sessionId, { record, readAt });
    return record;
  }

  return {
    /** Opens a session for a user whose password was right. */
    open: async (userId: string, userAgent: string): Promise<SessionGrant> => {
      const now = clock();
      const sessionId = deps.newId();
      const grant = sign(sessionId, userId, now);
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

    /** @throws AppError unauthenticated, in one wording for every reason. */
    verify: async (token: string | undefined): Promise<ActiveSession> => {
      const claims = token === undefined ? undefined : decode(token, secret);
      const record = claims === undefined ? undefined : await standing(claims.sid);
      if (
        claims === undefined ||
        record === undefined ||
        record.userId !== claims.sub ||
        record.expiresAt.getTime() <= clock().getTime()
      ) {
        throw new AppError('unauthenticated', 'Please sign in: there is no valid session.');
      }
      return {
        sessionId: record._id,
        userId: record.userId,
        issuedAt: new Date(claims.iat * 1_000),
        expiresAt: record.expiresAt,
      };
    },

    /** A new token for a session whose present one is older than a day; else undefined. */
    renew: async (session: ActiveSession): Promise<SessionGrant | undefined> => {
      const now = clock();
      if (now.getTime() - session.issuedAt.getTime() < DAY_MS) return undefined;
      const grant = sign(session.sessionId, session.userId, now);
      await store.extend(session.sessionId, now, grant.expiresAt);
      cache.delete(session.sessionId);
      return grant;
    },

    /**
     * Ends a session; resolves when every live instance knows.
     * @throws AppError not_found when it is not the user's.
     */
    end: async (sessionId: string, userId: string): Promise<void> => {
      if (!(await store.remove(sessionId, userId))) throw notFound('This session');
      await bus.announce('session.ended', { sessionId });
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

    /** Called on this instance whenever a session was ended anywhere. */
    onEnded: (handler: (sessionId: string) => void): void => {
      endedHandlers.push(handler);
    },
  };
}

function decode(
  token: string,
  secret: string,
): { sid: string; sub: string; iat: number } | undefined {
  try {
    const claims = jwt.verify(token, secret, { algorithms: [ALGORITHM] });
    if (typeof claims !== 'string' && typeof claims.sid === 'string' && claims.sub !== undefined) {
      return { sid: claims.sid, sub: claims.sub, iat: claims.iat ?? 0 };
    }
  } catch {
    // Forged, expired or not a token at all: the caller gets one answer for all of them.
  }
  return undefined;
}
