/** `npm run bench -- send`: the benchmarks; figures on stdout, progress on stderr. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { reportIndexes } from './indexes.ts';
import { reportPaging } from './paging.ts';
import { reportHistory, reportMixed, reportSidebar } from './reading.ts';
import type { Report, RunOptions } from './report.ts';
import { reportSearch } from './search.ts';
import { reportSend } from './send.ts';

const benchmarks: Record<string, { what: string; run: (o: RunOptions) => Promise<Report> }> = {
  send: {
    what: 'durable direct messages, 50 pairs, against a bare Socket.IO relay',
    run: reportSend,
  },
  history: {
    what: 'the newest page of history, against Express answering as many bytes',
    run: reportHistory,
  },
  sidebar: { what: 'the sidebar, against the same server without caches', run: reportSidebar },
  mixed: {
    what: 'reading and writing at once: hits of the caches, commands that the database is spared',
    run: reportMixed,
  },
  paging: {
    what: 'pages of one conversation of a million messages, near its end and far from it',
    run: reportPaging,
  },
  indexes: {
    what: 'each hot query on a million messages, with its index and without',
    run: reportIndexes,
  },
  search: {
    what: "search of a million messages, against MongoDB's text index and a regular expression",
    run: reportSearch,
  },
};
const names = Object.keys(benchmarks);

const program = new Command('bench')
  .description(
    'Measures this machine. Each figure stands beside a reference from the same run. Without a ' +
      'name all benchmarks run, one after the other.',
  )
  .argument('[names...]', names.join(', '))
  .option('--quick', 'one short round, less data: shows that it works, not how fast it is', false)
  .option('--json', 'figures as JSON, by the name of the benchmark', false)
  .addHelpText(
    'after',
    `\n${names.map((name) => `  ${name.padEnd(9)} ${benchmarks[name]?.what}`).join('\n')}\n` +
      '\nExamples:\n  npm run bench -- send --quick\n  npm run bench -- history sidebar',
  )
  .action(async (asked: string[], options: { quick: boolean; json: boolean }) => {
    const unknown = asked.find((name) => benchmarks[name] === undefined);
    if (unknown !== undefined) {
      program.error(`There is no benchmark "${unknown}". There are: ${names.join(', ')}.`, {
        exitCode: 2,
      });
    }
    buildServer();
    const figures: Record<string, unknown> = {};
    let met = true;
    for (const name of asked.length === 0 ? names : asked) {
      const report = await benchmarks[name]?.run({
        quick: options.quick,
        say: (line) => process.stderr.write(`${line}\n`),
      });
      if (report === undefined) continue;
      figures[name] = report.figures;
      met &&= report.met;
      if (!options.json) console.log(`${[`${name}:`, ...report.lines].join('\n  ')}`);
    }
    if (options.json) console.log(JSON.stringify(figures, null, 2));
    process.exitCode = met || options.quick ? 0 : 1;
  });

function buildServer(): void {
  const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
  const config = fileURLToPath(new URL('../../tsconfig.build.json', import.meta.url));
  const built = spawnSync(process.execPath, [tsc, '-p', config], { stdio: 'inherit' });
  if (built.status !== 0) process.exit(1);
}

await program.parseAsync();
