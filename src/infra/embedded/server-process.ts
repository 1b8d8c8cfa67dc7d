/**
 * A database server as a child of this process.
 *
 * It gets a process group of its own, so that Ctrl-C on the terminal reaches the application
 * only and the database outlives the drain. The price is that it also outlives a kill -9 of
 * the application: its identity is therefore kept in its folder, and the next start stops
 * what is left over. Its output goes to a log file that is begun afresh and kept bounded.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasArgument, identify, isAlive, type ProcessIdentity } from './process-identity.ts';
import { StartupError } from './startup-error.ts';

const stopLimitMs = 15_000;
const logLimitBytes = 32 * 1024 * 1024;
const logCheckMs = 60_000;

/** A running server. */
export interface ServerProcess {
  pid: number;
  /** Resolves with a description, such as "exit code 48", once the process has ended. */
  ended: Promise<string>;
  /** Ends it: SIGTERM, after 15 s SIGKILL. Never rejects. */
  stop(): Promise<void>;
}

/** What to start, and where it writes. */
export interface ServerOptions {
  /** For messages: "MongoDB", "Redis". */
  name: string;
  file: string;
  args: string[];
  /** The server's data folder; it must be among the arguments. */
  folder: string;
  logFile: string;
  /** Called once if the server ends without having been asked to. */
  onExit?: ((description: string) => void) | undefined;
}

/**
 * Starts a server and keeps its identity in its folder.
 * @throws StartupError when the file cannot be executed.
 */
export async function spawnServer(options: ServerOptions): Promise<ServerProcess> {
  const { name, file, args, folder, logFile } = options;
  await truncate(logFile, 0).catch(() => undefined);
  const log = openSync(logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(file, args, { detached: true, cwd: folder, stdio: ['ignore', log, log] });
  } finally {
    closeSync(log);
  }
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const { pid } = child;
  if (pid === undefined) throw new StartupError(`${name} cannot be started: ${await ended}`);
  child.unref();

  // The application may leave without close(), by process.exit for instance.
  const leave = () => child.kill('SIGTERM');
  process.once('exit', leave);
  const bound = setInterval(() => boundLog(logFile), logCheckMs).unref();
  let stopping: Promise<void> | undefined;
  void ended.then((description) => {
    process.off('exit', leave);
    clearInterval(bound);
    if (!stopping) options.onExit?.(description);
  });

  const identity = (await identify(pid)) ?? { pid, started: 'unknown' };
  await writeFile(identityFile(folder), JSON.stringify(identity), { mode: 0o600 });
  const stop = async () => {
    child.kill('SIGTERM');
    if (!(await within(stopLimitMs, ended))) child.kill('SIGKILL');
    await ended;
    await rm(identityFile(folder), { force: true });
  };
  return {
    pid,
    ended,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/**
 * Stops the server that a killed application left running on this folder. A process counts
 * as that server only if number, start time and folder agree; another one is let alone.
 */
export async function stopLeftover(
  name: string,
  folder: string,
  log: (line: string) => void,
): Promise<void> {
  const left = await readIdentity(folder);
  if (!left) return;
  if ((await isAlive(left)) && (await hasArgument(left.pid, folder))) {
    log(`Stopping the ${name} server that an earlier run left behind (process ${left.pid})`);
    signalProcess(left.pid, 'SIGTERM');
    const limit = Date.now() + stopLimitMs;
    while (await isAlive(left)) {
      if (Date.now() > limit) signalProcess(left.pid, 'SIGKILL');
      await delay(20);
    }
  }
  await rm(identityFile(folder), { force: true });
}

/** The number of the server that another process keeps running on this folder, if there is one. */
export async function runningServer(folder: string): Promise<number | undefined> {
  const known = await readIdentity(folder);
  const runs = known && (await isAlive(known)) && (await hasArgument(known.pid, folder));
  return runs ? known.pid : undefined;
}

/** The port that a server of this data folder had the last time. */
export async function lastPort(dataDir: string, name: string): Promise<number | undefined> {
  const text = await readFile(portFile(dataDir, name), 'utf8').catch(() => '');
  const port = Number.parseInt(text, 10);
  return port > 0 ? port : undefined;
}

/**
 * Starts a server on the port it had the last time if that is free, else on another one, and
 * remembers it in `<dataDir>/.<name>.port`. Tries again when somebody else was faster.
 */
export async function tryPorts<T>(
  dataDir: string,
  name: string,
  logFile: string,
  start: (port: number) => Promise<T>,
): Promise<T> {
  const last = await lastPort(dataDir, name);
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(attempt === 1 ? last : undefined);
    try {
      const started = await start(port);
      await writeFile(portFile(dataDir, name), `${port}\n`);
      return started;
    } catch (error) {
      const taken = /address already in use/i.test(await lastWords(logFile));
      if (!taken || attempt === 3) throw error;
    }
  }
}

/** The preferred loopback port if it is free, else any free one. */
async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined) {
    const port = await listenOnce(preferred).catch(() => undefined);
    if (port !== undefined) return port;
  }
  return listenOnce(0);
}

/**
 * Repeats `attempt` until it gives a value.
 * @throws StartupError when the server ends meanwhile or the limit passes; the message ends
 * with the server's last words.
 */
export async function untilReady<T>(
  options: {
    name: string;
    server: ServerProcess;
    logFile: string;
    limitMs: number;
    signal?: AbortSignal | undefined;
  },
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  const limit = Date.now() + options.limitMs;
  let end: string | undefined;
  void options.server.ended.then((description) => {
    end = description;
  });
  for (;;) {
    options.signal?.throwIfAborted();
    const value = end === undefined ? await attempt() : undefined;
    if (value !== undefined) return value;
    const what =
      end !== undefined
        ? `ended while starting (${end})`
        : Date.now() > limit && `was not ready after ${options.limitMs / 1000} s`;
    if (what) {
      const words = await lastWords(options.logFile);
      throw new StartupError(
        `${options.name} ${what}. Its log, ${options.logFile}, ends:\n${words}`,
        69,
      );
    }
    await delay(15);
  }
}

async function lastWords(logFile: string): Promise<string> {
  const size = (await stat(logFile).catch(() => undefined))?.size ?? 0;
  const file = await open(logFile, 'r').catch(() => undefined);
  if (!file) return '';
  const length = Math.min(size, 8192);
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
  await file.close();
  const lines = buffer.toString('utf8').trimEnd().split('\n');
  return lines
    .slice(-6)
    .map((line) => `  ${line.slice(0, 400)}`)
    .join('\n');
}

async function boundLog(file: string): Promise<void> {
  try {
    // The server appends, so it goes on at the new end.
    if ((await stat(file)).size > logLimitBytes) await truncate(file, 0);
  } catch {
    // A log that cannot be bounded now is tried again.
  }
}

async function within(limitMs: number, event: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(limitMs, false, { signal: timer.signal }).catch(() => false);
  const result = await Promise.race([event.then(() => true), late]);
  timer.abort();
  return result;
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1' }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}

const portFile = (dataDir: string, name: string): string => join(dataDir, `.${name}.port`);

function identityFile(folder: string): string {
  return join(folder, '.server.json');
}

async function readIdentity(folder: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(identityFile(folder), 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}
