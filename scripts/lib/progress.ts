/** Progress of long work on stderr: a bar on a terminal, elsewhere a line every 5 s. */
import { SingleBar } from 'cli-progress';
import { tell } from './step.mjs';

const LINE_EVERY_MS = 5_000;

export interface Progress {
  /** How many are done by now. */
  update(done: number): void;
  /** Takes the bar away, or writes the last line. */
  stop(): void;
}

/** @param what for a person, for example "messages" */
export function createProgress(what: string, total: number): Progress {
  return process.stderr.isTTY ? bar(what, total) : lines(what, total);
}

function bar(what: string, total: number): Progress {
  const startedAt = performance.now();
  const single = new SingleBar({
    format: `${what} {bar} {percentage} % | {value} of {total} | {rate} a second | {left} left`,
    stream: process.stderr,
    hideCursor: true,
    fps: 5,
  });
  single.start(total, 0, { rate: '0', left: '?' });
  return {
    update: (done) => single.update(done, pace(done, total, startedAt)),
    stop: () => single.stop(),
  };
}

function lines(what: string, total: number): Progress {
  const startedAt = performance.now();
  let done = 0;
  let toldAt = startedAt;
  const line = (): void => {
    const { rate, left } = pace(done, total, startedAt);
    tell(`${what}: ${done} of ${total}, ${rate} a second, ${left} left`);
  };
  return {
    update: (now) => {
      done = now;
      if (performance.now() - toldAt < LINE_EVERY_MS) return;
      toldAt = performance.now();
      line();
    },
    stop: line,
  };
}

function pace(done: number, total: number, startedAt: number): { rate: string; left: string } {
  const seconds = (performance.now() - startedAt) / 1_000;
  const rate = seconds === 0 ? 0 : done / seconds;
  const left = rate === 0 ? '?' : `${Math.ceil((total - done) / rate)} s`;
  return { rate: String(Math.round(rate)), left };
}
