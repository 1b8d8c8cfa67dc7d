/**
 * Who asks, and how often they may: the same for HTTP requests and the handshakes of sockets.
 *
 * A token's signature is checked first, which asks nobody. One without it counts by address before
 * anything else is done, and so does one whose session was found gone; a session that turns out to
 * be gone counts when that is known. Whoever has a session is counted by user alone, so people
 * behind one address neither use up each other's allowance nor are shut out by a neighbour, also
 * when all of them come at once to an instance that has just started.
 */
import { LRUCache } from 'lru-cache';
import { AppError, signedOut } from '../errors.ts';
import type { ActiveSession } from '../features/auth/sessions.service.ts';
import type { Limit, RateLimits } from '../infra/rate-limit.ts';

/** Tokens whose session is gone, of which the least recently used is forgotten first. */
const FALLEN_TOKENS = 20_000;
/** After that it is looked up again: a restored backup may have brought the session back. */
const FALLEN_MS = 60_000;

/** Counts one hit. @throws AppError rate_limited */
export type Take = (limit: Limit, key: string) => Promise<void>;

export type Admission = ReturnType<typeof createAdmission>;

export function createAdmission(deps: {
  limits: Pick<RateLimits, 'general'>;
  sessions: {
    isSigned(token: string): boolean;
    /** @throws AppError unauthenticated */
    verify(token: string): ActiveSession | Promise<ActiveSession>;
  };
}) {
  const { sessions } = deps;
  const { general } = deps.limits;
  const fallen = new LRUCache<string, true>({ max: FALLEN_TOKENS, ttl: FALLEN_MS });

  async function refuse(address: string, take: Take): Promise<never> {
    await take(general, address);
    throw signedOut();
  }

  return {
    /**
     * The session of a token; without waiting where it is known.
     * @param address asked for only where it counts
     * @throws AppError unauthenticated; rate_limited for who has no session, too often
     */
    admit: (
      token: string | undefined,
      address: () => string,
      take: Take,
    ): ActiveSession | Promise<ActiveSession> => {
      if (token === undefined || !sessions.isSigned(token) || fallen.has(token)) {
        return refuse(address(), take);
      }
      const refuseIfGone = (error: unknown): Promise<never> => {
        // That the database is away is no fault of who asks.
        if (!(error instanceof AppError) || error.code !== 'unauthenticated') throw error;
        fallen.set(token, true);
        return refuse(address(), take);
      };
      try {
        const session = sessions.verify(token);
        return session instanceof Promise ? session.catch(refuseIfGone) : session;
      } catch (error) {
        return refuseIfGone(error);
      }
    },
  };
}
