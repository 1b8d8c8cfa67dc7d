/**
 * How much of one kind was answered in the last minute, how fast, and with what success: for
 * people and /health, who want it now and not as counters since the start.
 *
 * A ring of histograms of equal size, so that the memory is bounded and a request costs two
 * additions. Their steps are an eighth of an octave, so a percentile is right to within 5 %.
 */

export type Success = 'ok' | 'refused' | 'failed';

/** Of a stretch of time. Times are milliseconds; null where nothing was answered. */
export interface TrafficFigures {
  /** Length of the stretch, in seconds. */
  seconds: number;
  answered: number;
  /** Answered with a refusal: 4xx. */
  refused: number;
  /** Answered with a failure of the server: 5xx. */
  failed: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

export type Traffic = ReturnType<typeof createTraffic>;

const LEAST_MS = 0.05;
const STEPS_PER_OCTAVE = 8;
/** Up to a minute and a half; what takes longer counts as that. */
const STEPS = 21 * STEPS_PER_OCTAVE;

interface Slot {
  startedAt: number;
  steps: Uint32Array;
  refused: number;
  failed: number;
}

const newSlot = (): Slot => ({
  startedAt: Number.NaN,
  steps: new Uint32Array(STEPS),
  refused: 0,
  failed: 0,
});

/**
 * @param turns how many stretches "recently" reaches back, the present one besides
 * @param now monotonous milliseconds
 */
export function createTraffic(turns: number, now: () => number = () => performance.now()) {
  const ring = Array.from({ length: turns + 1 }, newSlot);
  let at = 0;
  let present = ring[0] as Slot;
  present.startedAt = now();

  return {
    /** @param ms from its arrival to its answer */
    note: (success: Success, ms: number): void => {
      const step = Math.ceil(Math.log2(ms / LEAST_MS) * STEPS_PER_OCTAVE);
      const index = Math.max(0, Math.min(step, STEPS - 1));
      present.steps[index] = (present.steps[index] ?? 0) + 1;
      if (success === 'failed') present.failed++;
      else if (success === 'refused') present.refused++;
    },
    /** Ends the present stretch and begins the next one; to be called at equal distances. */
    turn: (): TrafficFigures => {
      const ended = figuresOf([present], now());
      at = (at + 1) % ring.length;
      present = ring[at] as Slot;
      present.startedAt = now();
      present.steps.fill(0);
      present.refused = 0;
      present.failed = 0;
      return ended;
    },
    /** The present stretch and those before it. */
    recently: (): TrafficFigures =>
      figuresOf(
        ring.filter(({ startedAt }) => !Number.isNaN(startedAt)),
        now(),
      ),
  };
}

/** What a status or the status of a problem means. */
export const successOf = (status: number): Success =>
  status >= 500 ? 'failed' : status >= 400 ? 'refused' : 'ok';

function figuresOf(slots: Slot[], end: number): TrafficFigures {
  const steps = new Float64Array(STEPS);
  let [answered, refused, failed] = [0, 0, 0];
  for (const slot of slots) {
    for (let index = 0; index < STEPS; index++) {
      const count = slot.steps[index] ?? 0;
      steps[index] = (steps[index] ?? 0) + count;
      answered += count;
    }
    refused += slot.refused;
    failed += slot.failed;
  }
  const percentile = (share: number): number | null => {
    if (answered === 0) return null;
    let left = Math.ceil(answered * share);
    for (let index = 0; index < STEPS; index++) {
      left -= steps[index] ?? 0;
      // The middle of the step, which reaches from one bound to the next.
      if (left <= 0) return rounded(LEAST_MS * 2 ** ((index - 0.5) / STEPS_PER_OCTAVE));
    }
    return null;
  };
  const start = Math.min(...slots.map(({ startedAt }) => startedAt));
  return {
    seconds: rounded((end - start) / 1_000),
    answered,
    refused,
    failed,
    p50: percentile(0.5),
    p95: percentile(0.95),
    p99: percentile(0.99),
  };
}

/** Three digits are as much as there is. */
const rounded = (value: number): number => Number(value.toPrecision(3));
