/**
 * How far a walk through something ordered has come, while things are missed on either side of it:
 * what is missed behind it, or while it reads, brings it back.
 */
export interface Frontier<T extends string | number> {
  /** From where on something is missing; undefined: nothing is. */
  at(): T | undefined;
  /** This and what follows may be missing. */
  miss(from: T): void;
  /** Begins a step. @returns where */
  begin(): T | undefined;
  /** Ends it: what was before `to` is done; undefined: there was no more. */
  moveTo(to: T | undefined): void;
}

export function createFrontier<T extends string | number>(): Frontier<T> {
  let at: T | undefined;
  /** The lowest that was missed since the step began: its reading may not have seen it. */
  let lowest: T | undefined;
  return {
    at: () => at,
    miss: (from) => {
      if (at === undefined || from < at) at = from;
      if (lowest === undefined || from < lowest) lowest = from;
    },
    begin: () => {
      lowest = undefined;
      return at;
    },
    moveTo: (to) => {
      at = to === undefined || (lowest !== undefined && lowest < to) ? lowest : to;
    },
  };
}
