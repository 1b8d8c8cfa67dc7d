/** What every benchmark takes and gives. */
export interface RunOptions {
  /** One short round. */
  quick: boolean;
  /** Gets a line of progress. */
  say: (line: string) => void;
}

export interface Report {
  /** For people; each figure beside its floor and its reference. */
  lines: string[];
  /** Whether every floor was reached. */
  met: boolean;
  figures: unknown;
}

/** "meets the floor of 0.2" or "misses" it. */
export const verdict = (met: boolean, floor: string): string =>
  `${met ? 'meets' : 'misses'} the floor of ${floor}`;
