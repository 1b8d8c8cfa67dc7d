/** How many sockets one address and one user may have open at an instance. */
import { AppError } from '../errors.ts';

/** A large office behind one address. */
const BY_ADDRESS = 1_000;
/** Every tab of every device. */
const BY_USER = 50;
/** Seconds: a place is free when another socket closes, which nobody foresees. */
const RETRY_AFTER = 30;

export interface SocketCaps {
  /**
   * Takes a place; the returned function gives it back.
   * @throws AppError too_many_connections
   */
  take(kind: 'address' | 'user', key: string): () => void;
}

/** @param scale multiplies both */
export function createSocketCaps(scale: number): SocketCaps {
  const kinds = {
    address: { open: new Map<string, number>(), most: BY_ADDRESS * scale, who: 'your address' },
    user: { open: new Map<string, number>(), most: BY_USER * scale, who: 'your account' },
  };
  return {
    take: (kind, key) => {
      const { open, most, who } = kinds[kind];
      const count = open.get(key) ?? 0;
      if (count >= most) {
        throw new AppError(
          'too_many_connections',
          `There are ${most} connections of ${who} already. Close some, or try again later.`,
          { retryAfter: RETRY_AFTER },
        );
      }
      open.set(key, count + 1);
      return () => {
        const left = (open.get(key) ?? 1) - 1;
        if (left === 0) open.delete(key);
        else open.set(key, left);
      };
    },
  };
}
