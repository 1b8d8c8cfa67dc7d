/** `npm run cluster`: several instances behind nginx on this machine, until Ctrl-C. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { prepare } from '../lib/prepare.mjs';
import { type LocalCluster, openLocalCluster } from './local-cluster.ts';

const tell = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const wholeNumber = (least: number, most: number) => (text: string) => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(`give a whole number from ${least} to ${most}`);
};

interface Options {
  instances: number;
  port: number;
  redis: boolean;
  dataDir?: string;
}

const program = new Command('cluster')
  .description('Starts MongoDB, Redis, several instances and nginx; Ctrl-C stops them in order.')
  .option('--instances <n>', 'how many', wholeNumber(1, 16), 3)
  .option('--port <port>', 'of nginx', wholeNumber(1, 65_535), 8080)
  .option('--no-redis', 'go without Redis')
  .option('--data-dir <folder>', 'keep the data there; default: a temporary folder')
  .addHelpText('after', '\nExample:\n  npm run cluster -- --instances 3 --port 8080')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

async function main(options: Options): Promise<void> {
  await prepare(['server', 'web']);
  const dataDir = resolve(options.dataDir ?? (await mkdtemp(join(tmpdir(), 'parley-cluster-'))));
  let cluster: LocalCluster | undefined;
  let isStopping = false;
  const stop = async (): Promise<void> => {
    tell('Stopping …');
    await cluster?.close();
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!isStopping) void stop();
      isStopping = true;
    });
  }
  cluster = await openLocalCluster({
    instances: options.instances,
    dataDir,
    port: options.port,
    ...(options.redis ? {} : { redis: 'off' as const }),
    say: tell,
  });
  tell(`\n  Parley is ready: ${cluster.url}`);
  for (const { name, url, pid } of cluster.instances) tell(`  ${name}: ${url} (process ${pid})`);
  tell(`  data and logs: ${dataDir}\n`);
}

program.parse();
main(program.opts<Options>()).catch((error: unknown) => {
  tell(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
