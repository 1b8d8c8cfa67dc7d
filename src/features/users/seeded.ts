/**
 * Which accounts `npm run seed` made. Their password is public, so none of them may become
 * administrator by itself. Each seed has a name, noted in the collection `seeds`; from it follow
 * ten digits that all its ids have in their middle.
 */
import { createHash } from 'node:crypto';

/** Holds a document for each seed; its `_id` is the seed's name. */
export const SEEDS = 'seeds';

/** The ten hexadecimal digits in the middle of every id of a seed. */
export const markerOf = (name: string): string =>
  createHash('sha256').update(`parley ${name}`).digest('hex').slice(0, 10);

/** Matches ids with one of these markers. */
export const idsWith = (...markers: string[]): RegExp =>
  new RegExp(`^[0-9a-f]{8}(?:${markers.join('|')})`);
