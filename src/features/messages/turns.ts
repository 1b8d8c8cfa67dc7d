/**
 * Messages of one socket are accepted in the order in which they came, although what is asked
 * beforehand (may they?) takes longer for one than for another. When one of them cannot be
 * accepted, those that wait behind it fail with it, so that nothing overtakes: the client
 * sends again in its order.
 */
import { AppError, unavailable } from '../../errors.ts';

/** Beyond it a socket is told to wait; its client should not send faster than it is answered. */
const MAX_WAITING = 1_000;

interface Line {
  /** Settles with the last one in line; rejects when it failed in a way that holds up the rest. */
  last: Promise<unknown>;
  waiting: number;
}

export interface Turns {
  /**
   * Runs `accept` after those of the same socket that came before.
   * @throws AppError unavailable when one before it failed so, or too many wait
   */
  take<T>(socketId: string, accept: () => Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  const lines = new Map<string, Line>();

  return {
    take: async (socketId, accept) => {
      const line = lines.get(socketId) ?? { last: Promise.resolve(), waiting: 0 };
      if (line.waiting >= MAX_WAITING) {
        throw unavailable('Too many messages of this connection are waiting. Please try again.');
      }
      lines.set(socketId, line);
      line.waiting++;
      const mine = line.last.then(accept);
      line.last = mine.catch((error: unknown) => {
        // A refusal concerns its own message alone.
        if (!(error instanceof AppError && error.status < 500)) throw error;
      });
      line.last.catch(() => undefined);
      try {
        return await mine;
      } finally {
        // A new line begins when all of this one are through, also after a failure.
        if (--line.waiting === 0) lines.delete(socketId);
      }
    },
  };
}
