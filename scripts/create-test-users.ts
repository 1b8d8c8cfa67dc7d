/** `npm run create-test-users`: people with sessions for load tests, and somebody to write to. */
import { Command } from 'commander';
import { endOnUsage, exitCodesHelp, runProgram, wholeNumber } from './lib/program.ts';
import { type RunOptions, runSeed, TOKENS_FILE, UNTIL } from './seed/run.ts';

/** A little history, so that pages and lists are not empty. */
const MESSAGES_EACH = 20;
const USERS_PER_GROUP = 25;

const program = new Command('create-test-users')
  .description(
    'Makes people for load tests, each with a session, direct conversations and a group, and ' +
      'writes their tokens. Another --count replaces the people of the last run.',
  )
  .option('--count <n>', 'how many people', wholeNumber(2, 100_000), 500)
  .option('--tokens <file>', 'where logins and tokens are written', TOKENS_FILE)
  .option('--yes', 'also in production', false)
  .option('--json', 'the result as JSON on stdout', false)
  .addHelpText('after', `${exitCodesHelp}\nExample:\n  npm run create-test-users -- --count 500`)
  .exitOverride(endOnUsage);

const { count, ...options } = program.parse().opts<RunOptions & { count: number }>();
await runProgram((running) =>
  runSeed(
    running,
    {
      name: 'load-test',
      users: count,
      groups: Math.ceil(count / USERS_PER_GROUP),
      messages: count * MESSAGES_EACH,
      until: UNTIL,
    },
    options,
  ),
);
