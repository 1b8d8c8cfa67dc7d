/**
 * Starts one instance: reads the configuration, opens the private servers where none are
 * configured, builds the application, prints its address, and closes everything on a signal.
 */
import { type App, createApp } from './app.ts';
import { ConfigError, loadConfig } from './config.ts';
import { openServers, type Servers } from './infra/embedded/servers.ts';
import { StartupError } from './infra/embedded/startup-error.ts';
import { collectProcessMetrics } from './infra/metrics.ts';
import { MongoUnusableError } from './infra/mongo.ts';
import { RedisUnusableError } from './infra/redis.ts';

/** A second signal later than this forces the end; npm doubles a Ctrl-C. */
const FORCE_AFTER_MS = 1_000;
const CLOSE_LIMIT_MS = 30_000;

const tell = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

let app: App | undefined;
let servers: Servers | undefined;
let closingSince: number | undefined;
const opening = new AbortController();

async function start(): Promise<void> {
  const config = loadConfig();
  servers = await openServers(config, tell, opening.signal);
  if (opening.signal.aborted) return;
  app = await createApp(
    {
      ...config,
      mongodb: { ...config.mongodb, uri: servers.mongodbUri },
      redisUrl: servers.redisUrl,
    },
    { processMetrics: collectProcessMetrics() },
  );
  if (opening.signal.aborted) return;
  tell(`\n  Parley is ready: ${app.url}\n`);
}

/** The words and the exit code (sysexits.h) for a start that failed. */
function explain(error: unknown): { message: string; exitCode: number } {
  if (error instanceof StartupError) return error;
  if (error instanceof ConfigError || error instanceof RedisUnusableError) {
    return { message: error.message, exitCode: 78 };
  }
  if (error instanceof MongoUnusableError) return { message: error.message, exitCode: 69 };
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    const port = error instanceof Error && 'port' in error ? Number(error.port) : 3000;
    const message =
      `Port ${port} is taken by another program. Stop it, or choose another port:\n` +
      `  PORT=${port + 1} npm start`;
    return { message, exitCode: 1 };
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    const message = `The server may not listen there: ${(error as Error).message}. Check PORT and HOST.`;
    return { message, exitCode: 1 };
  }
  return {
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    exitCode: 1,
  };
}

/** Closes in order and ends the process; once. */
async function close(exitCode: number): Promise<never> {
  const limit = setTimeout(() => {
    tell('Closing took longer than 30 s; ending now.');
    process.exit(1);
  }, CLOSE_LIMIT_MS);
  limit.unref();
  await app?.close();
  await servers?.close();
  if (exitCode === 0) tell('Stopped.');
  process.exit(exitCode);
}

const starting = start().catch(async (error: unknown) => {
  if (closingSince !== undefined) return;
  closingSince = performance.now();
  const { message, exitCode } = explain(error);
  tell(`\n${message}\n`);
  await close(exitCode);
});

process.on('unhandledRejection', (reason) => {
  const { message } = explain(reason);
  // A command still on its way when its connection closes must not cut the closing short.
  if (closingSince !== undefined) {
    const isExpected = reason instanceof Error && /^Connection is closed/.test(reason.message);
    if (!isExpected) tell(`While stopping: ${message}`);
    return;
  }
  closingSince = performance.now();
  tell(`\nA fault that nothing handled; stopping in order.\n${message}\n`);
  void close(1);
});

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (closingSince === undefined) {
      closingSince = performance.now();
      tell('Stopping …');
      opening.abort();
      void starting.then(() => close(0));
    } else if (performance.now() - closingSince > FORCE_AFTER_MS) {
      tell('Forced to end.');
      process.exit(1);
    }
  });
}
