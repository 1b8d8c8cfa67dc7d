/** `npm run seed`: people, conversations and messages to try things with. */
import { Command, InvalidArgumentError } from 'commander';
import { endOnUsage, exitCodesHelp, runProgram, wholeNumber } from '../lib/program.ts';
import { type RunOptions, runSeed, TOKENS_FILE, UNTIL } from './run.ts';

interface Options extends RunOptions {
  users: number;
  groups: number;
  messages: number;
  seed: number;
  until: string;
}

function moment(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('give a date such as 2026-11-01');
  return new Date(ms).toISOString();
}

const program = new Command('seed')
  .description(
    'Fills the database with people who write to each other. The same arguments make the same ' +
      'data, and a second run finds it there; other arguments with the same --seed replace it.',
  )
  .option('--users <n>', 'how many people', wholeNumber(2, 1_000_000), 1_000)
  .option('--groups <n>', 'how many groups', wholeNumber(0, 100_000), 50)
  .option('--messages <n>', 'how many messages', wholeNumber(0, 100_000_000), 100_000)
  .option('--seed <n>', 'what chance begins with', wholeNumber(0, 2 ** 32), 7)
  .option('--until <date>', 'they wrote in the half year before it', moment, UNTIL)
  .option('--tokens <file>', 'where logins and tokens are written', TOKENS_FILE)
  .option('--yes', 'also in production', false)
  .option('--json', 'the result as JSON on stdout', false)
  .addHelpText(
    'after',
    `${exitCodesHelp}\nExamples:\n  npm run seed\n` +
      '  npm run seed -- --users 1000 --groups 50 --messages 100000 --seed 7',
  )
  .exitOverride(endOnUsage);

const { users, groups, messages, seed, until, ...options } = program.parse().opts<Options>();
await runProgram((running) =>
  runSeed(running, { name: `seed-${seed}`, users, groups, messages, until }, options),
);
