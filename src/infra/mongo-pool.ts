/** The state of the driver's pool of connections, from the events that it tells of itself. */
import type { mongo } from 'mongoose';

const events = [
  'connectionCreated',
  'connectionClosed',
  'connectionCheckOutStarted',
  'connectionCheckOutFailed',
  'connectionCheckedOut',
  'connectionCheckedIn',
  'connectionPoolCleared',
] as const;
type PoolEvent = (typeof events)[number];

export interface PoolMonitor {
  /** To be called before the client connects. */
  watch(client: mongo.MongoClient): void;
  /** Connections that are open, those of them in use, and operations that wait for one. */
  state(): { open: number; in_use: number; waiting: number };
  /** How often each event was told since the start. */
  counts(): Readonly<Record<PoolEvent, number>>;
}

export function createPoolMonitor(): PoolMonitor {
  const counts = Object.fromEntries(events.map((event) => [event, 0])) as Record<PoolEvent, number>;
  return {
    watch: (client) => {
      for (const event of events) {
        client.on(event, () => {
          counts[event]++;
        });
      }
    },
    state: () => ({
      open: counts.connectionCreated - counts.connectionClosed,
      in_use: counts.connectionCheckedOut - counts.connectionCheckedIn,
      waiting:
        counts.connectionCheckOutStarted -
        counts.connectionCheckedOut -
        counts.connectionCheckOutFailed,
    }),
    counts: () => counts,
  };
}
