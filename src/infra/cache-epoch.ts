/**
 * Under which name copies lie in Redis. Instances that live at the same time use one name, also
 * over a rolling restart; the first one of a time without any begins a new one. So who restores a
 * backup, for which all instances are stopped, never meets copies of the history that it undid.
 *
 * Nothing is asked for it: each instance tells its name with its heartbeat, and takes over the
 * oldest that it hears. Whose clock is wrong makes the others begin anew, and nothing else.
 */
import type { Bus } from './bus.ts';
import type { Cluster } from './cluster.ts';

/** Milliseconds since 1970 have so many digits to the base of 36 until the year 5188. */
const DIGITS = 9;

/** @returns what tells the present name */
export function createCacheEpoch(
  bus: Pick<Bus, 'publish' | 'on'>,
  cluster: Pick<Cluster, 'instanceId' | 'peers' | 'onJoin' | 'onBeat'>,
): () => string {
  const now = Date.now().toString(36).padStart(DIGITS, '0');
  let epoch = `${now}.${cluster.instanceId}`;
  const tell = (): void => bus.publish('caches.epoch', { epoch });

  bus.on<{ epoch: string }>('caches.epoch', (told) => {
    if (told.epoch < epoch) epoch = told.epoch;
  });
  cluster.onJoin(tell);
  cluster.onBeat(() => {
    if (cluster.peers().length > 0) tell();
  });
  return () => epoch;
}
