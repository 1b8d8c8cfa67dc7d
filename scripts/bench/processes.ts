/** The processes of a benchmark: servers on one core, everything else on the other. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { serverFlags } from '../lib/node-flags.ts';

const projectFile = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));

const pins = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;

/** Moves this process, and what it starts from now on, away from the servers' core. */
export function pinGenerator(): boolean {
  if (pins) spawnSync('taskset', ['-a', '-p', '-c', '1', String(process.pid)]);
  return pins;
}

export interface BenchServer {
  url: string;
  stop(): Promise<void>;
}

/** The built application on its own core, with more than anybody may do; `env` over the rest. */
export function startParley(
  servers: { mongodbUri: string; redisUrl: string | undefined },
  env: Record<string, string>,
): Promise<BenchServer> {
  return startServer(
    [...serverFlags, projectFile('dist/server/main.js')],
    {
      PORT: '0',
      HOST: '127.0.0.1',
      MONGODB_URI: servers.mongodbUri,
      REDIS_URL: servers.redisUrl ?? 'off',
      BCRYPT_COST: '4',
      RATE_LIMIT_SCALE: '10000',
      LOG_LEVEL: 'warn',
      ...env,
    },
    /Parley is ready: (\S+)/,
  );
}

/** A small server of the benchmarks' own, which is what Parley is compared with. */
export const startReference = (file: string): Promise<BenchServer> =>
  startServer(
    [...serverFlags, '--import', 'tsx', projectFile(`scripts/bench/${file}`)],
    {},
    /(http:\/\/\S+)\n/,
  );

/** Starts a server on its own core; it prints its address, `pattern` finds it. */
function startServer(
  args: string[],
  env: Record<string, string>,
  pattern: RegExp,
): Promise<BenchServer> {
  const command = pins
    ? ['taskset', '-c', '0', process.execPath, ...args]
    : [process.execPath, ...args];
  const child: ChildProcess = spawn(command[0] as string, command.slice(1), {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = async (): Promise<void> => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGTERM')) await gone;
  };
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the server did not start within 30 s:\n${output}`));
    }, 30_000);
    const read = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-20_000);
      const url = pattern.exec(output)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve({ url, stop });
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the server ended with ${code}:\n${output}`));
    });
  });
}
