/** `npm run bench -- send`: the benchmarks; figures on stdout, progress on stderr. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { benchSend } from './send.ts';

/** The least ratio to a bare relay that the path is meant to reach. */
const FLOOR = 0.2;

const program = new Command('bench').description(
  'Measures this machine. Each figure stands beside a reference from the same run.',
);
program
  .command('send')
  .description('durable direct messages, 50 pairs, against a bare Socket.IO relay')
  .option('--quick', 'one short round', false)
  .option('--json', 'figures as JSON', false)
  .addHelpText('after', '\nExample:\n  npm run bench -- send --quick')
  .action(async (options: { quick: boolean; json: boolean }) => {
    buildServer();
    const result = await benchSend(options, (line) => process.stderr.write(`${line}\n`));
    const met = result.ratioToRelay >= FLOOR;
    if (options.json) console.log(JSON.stringify(result, null, 2));
    else {
      console.log(`most sustained, bare relay: ${result.relay.mostSustained.join(', ')} a second`);
      console.log(`most sustained, Parley:     ${result.parley.mostSustained.join(', ')} a second`);
      console.log(
        `ratio: ${result.ratioToRelay.toFixed(2)} (${met ? 'meets' : 'misses'} the floor of ${FLOOR})`,
      );
      console.log(
        `acknowledgement p50 at 100 a second: ${result.ackP50At100.toFixed(1)} ms, ` +
          `${result.ackOverInsert.toFixed(2)} × a raw journaled insert (${result.rawInsertP50.toFixed(1)} ms)`,
      );
      console.log(`raw inserts in batches of 500: ${result.rawBatchedInserts} a second`);
      console.log(`server pinned to a core of its own: ${result.pinned ? 'yes' : 'no'}`);
    }
    // A short round shows that the benchmark works, not how fast the machine is.
    process.exitCode = met || options.quick ? 0 : 1;
  });

function buildServer(): void {
  const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
  const config = fileURLToPath(new URL('../../tsconfig.build.json', import.meta.url));
  const built = spawnSync(process.execPath, [tsc, '-p', config], { stdio: 'inherit' });
  if (built.status !== 0) process.exit(1);
}

await program.parseAsync();
