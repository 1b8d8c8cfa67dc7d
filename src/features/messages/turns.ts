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
   * Runs `accept` after those of the same socket that came before: at once when there are none.
   * @throws AppError unavailable when one before it failed so, or too many wait
   */
  take<T>(socketId: string, accept: () => T | Promise<T>): T | Promise<T>;
}

export function createTurns(): Turns {
  const lines = new Map<string, Line>();

  async function stand<T>(socketId: string, line: Line, mine: Promise<T>): Promise<T> {
    line.waiting++;
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
  }

  return {
    take: (socketId, accept) => {
      const known = lines.get(socketId);
      if (known === undefined) {
        const accepted = accept();
        if (!(accepted instanceof Promise)) return accepted;
        const line = { last: accepted, waiting: 0 };
        lines.set(socketId, line);
        return stand(socketId, line, accepted);
      }
      if (known.waiting >= MAX_WAITING) {
        return Promise.reject(
          unavailable('Too many messages of this connection are waiting. Please try again.'),
        );
      }
      return stand(socketId, known, known.last.then(accept));
    },
  };
}
