/** How long the event loop lets what is due wait. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds. */
export interface LoopDelay {
  p50: number;
  p99: number;
  max: number;
}

export interface EventLoopMonitor {
  /** Of the time since the last turn. */
  turn(): LoopDelay;
  close(): void;
}

/** From look to look; each is a timer of Node's own, without JavaScript. */
const RESOLUTION_MS = 10;

/** Begins to watch the event loop of this process. */
export function watchEventLoop(): EventLoopMonitor {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  // What is recorded is the time from look to look, the planned one included.
  const late = (nanoseconds: number): number =>
    Number(Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS).toFixed(2));
  return {
    turn: () => {
      const found =
        histogram.count === 0
          ? { p50: 0, p99: 0, max: 0 }
          : {
              p50: late(histogram.percentile(50)),
              p99: late(histogram.percentile(99)),
              max: late(histogram.max),
            };
      histogram.reset();
      return found;
    },
    close: () => {
      histogram.disable();
    },
  };
}
