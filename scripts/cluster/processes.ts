/** Processes of a local cluster that can be started, stopped, killed and halted at will. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** How a process ended: its exit code, or the signal that ended it. */
export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ControlledProcess {
  readonly name: string;
  /** Undefined while it does not run. */
  readonly pid: number | undefined;
  /** Resolves when it is ready. */
  start(): Promise<void>;
  /** SIGTERM; SIGKILL after the limit. Resolves with how it ended. */
  stop(): Promise<Ending>;
  /** kill -9. */
  kill(): Promise<Ending>;
  /** SIGSTOP: it is there and does nothing. */
  halt(): void;
  /** SIGCONT. */
  go(): void;
  /** Endings that nobody asked for. */
  readonly surprises: Ending[];
}

const STOP_MS = 35_000;

/** @param isReady is asked until it says so, at most `readyMs`. */
export function controlProcess(options: {
  name: string;
  command: string;
  args: string[];
  env?: Record<string, string>;
  /** Output is appended to it. */
  logFile: string;
  isReady: () => Promise<boolean>;
  readyMs: number;
}): ControlledProcess {
  const { name } = options;
  const surprises: Ending[] = [];
  let child: ChildProcess | undefined;
  let ended: Promise<Ending> = Promise.resolve({ code: 0, signal: null });
  let asked = false;

  async function start(): Promise<void> {
    if (child !== undefined) throw new Error(`${name} runs already`);
    asked = false;
    const log = openSync(options.logFile, 'a');
    // A group of its own: a Ctrl-C of the terminal reaches the cluster's program only, which
    // stops everything in order.
    const started = spawn(options.command, options.args, {
      detached: true,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child = started;
    ended = new Promise((resolve) => {
      started.once('error', () => resolve({ code: 127, signal: null }));
      started.once('exit', (code, signal) => resolve({ code, signal }));
    });
    void ended.then((ending) => {
      if (child === started) child = undefined;
      if (!asked) surprises.push(ending);
    });
    const giveUpAt = performance.now() + options.readyMs;
    while (!(await options.isReady())) {
      if (child !== started)
        throw new Error(`${name} ended while starting; see ${options.logFile}`);
      if (performance.now() > giveUpAt) {
        throw new Error(`${name} was not ready in ${options.readyMs} ms; see ${options.logFile}`);
      }
      await delay(20);
    }
  }

  const send = (signal: NodeJS.Signals): void => {
    if (child?.pid !== undefined && !child.kill(signal)) throw new Error(`${name} is gone`);
  };

  return {
    name,
    surprises,
    get pid() {
      return child?.pid;
    },
    start,
    stop: async () => {
      if (child === undefined) return ended;
      asked = true;
      send('SIGTERM');
      const limit = setTimeout(() => child?.kill('SIGKILL'), STOP_MS);
      const ending = await ended;
      clearTimeout(limit);
      return ending;
    },
    kill: async () => {
      asked = true;
      send('SIGKILL');
      return ended;
    },
    halt: () => send('SIGSTOP'),
    go: () => send('SIGCONT'),
  };
}

/** A loopback port that is free at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
