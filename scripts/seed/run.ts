/** What `npm run seed` and `npm run create-test-users` do with their arguments. */
import { resolve } from 'node:path';
import type { Config } from '../../src/config.ts';
import { keptSecret } from '../../src/infra/secret.ts';
import { type Program, UsageError } from '../lib/program.ts';
import { openSessions, writeLogins } from './logins.ts';
import type { SeedArguments } from './plan.ts';
import { SEED_PASSWORD, type SeedResult, seed } from './seed.ts';

export interface RunOptions {
  tokens: string;
  yes: boolean;
  json: boolean;
}

/** Where load tests look for tokens. */
export const TOKENS_FILE = 'load-tests/tokens.csv';
/** After the last message of every seed, unless another time is asked for. */
export const UNTIL = '2026-11-01T00:00:00.000Z';

/**
 * Seeds, opens sessions, writes the tokens and says what was done.
 * @throws UsageError in production without --yes: the password of these people is known.
 */
export async function runSeed(
  { config, database, signal }: Program,
  given: SeedArguments,
  options: RunOptions,
): Promise<number> {
  refuseInProduction(config, options.yes);
  const result = await seed(database, given, config.bcryptCost, signal);
  const logins = await openSessions(database, result.plan, await secretOf(config));
  const file = resolve(options.tokens);
  await writeLogins(file, logins);
  const summary = summaryOf(given, result, file, logins[0]?.email ?? '');
  console.log(options.json ? JSON.stringify(summary, null, 2) : describe(summary));
  return 0;
}

function refuseInProduction({ production }: Config, yes: boolean): void {
  if (!production || yes) return;
  throw new UsageError(
    'NODE_ENV is production: these people have a known password. Give --yes if that is meant.',
  );
}

const secretOf = async ({ jwtSecret, dataDir }: Config): Promise<string> =>
  jwtSecret ?? (await keptSecret(dataDir));

function summaryOf(given: SeedArguments, result: SeedResult, tokens: string, email: string) {
  const { action, counts, seconds } = result;
  return {
    ...{ seed: given.name, action, ...counts },
    ...{
      seconds: Number(seconds.toFixed(2)),
      messagesPerSecond: Math.round(counts.messages / seconds),
    },
    ...{ tokens, password: SEED_PASSWORD, example: email },
  };
}

const said = { inserted: 'Made', unchanged: 'Unchanged, all was there:', replaced: 'Made anew:' };

function describe(summary: ReturnType<typeof summaryOf>): string {
  const { action, users, groups, conversations, messages, seconds, messagesPerSecond } = summary;
  const speed =
    action === 'unchanged' ? '' : ` in ${seconds} s (${messagesPerSecond} messages a second)`;
  return [
    `${said[action]} ${users} users, ${groups} groups, ${conversations} conversations, ` +
      `${messages} messages${speed}`,
    `Log in as ${summary.example} or any other of them, password: ${summary.password}`,
    `Tokens for a week: ${summary.tokens}`,
  ].join('\n');
}
