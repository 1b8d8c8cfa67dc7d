/** `npm run conformance -- <url>`: the tests of the wire contract against a running server. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { prepare, root } from './lib/prepare.mjs';
import { runInGroup, StepError, tell, withSignals } from './lib/step.mjs';

/** EX_UNAVAILABLE of sysexits.h. */
const NOTHING_ANSWERS = 69;
const ANSWER_WITHIN_MS = 10_000;

/** What is read of vitest's own report. */
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  testResults: {
    name: string;
    /** Why the file could not be run; else empty. */
    message: string;
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
  }[];
}

function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOrigin = url?.pathname === '/' && url.search === '' && url.hash === '';
  if (!isOrigin || !/^https?:$/.test(url.protocol) || url.username !== '') {
    throw new InvalidArgumentError('give an address such as http://localhost:3000, without a path');
  }
  return url.origin;
}

const program = new Command('conformance')
  .description(
    'Tests a running server against the wire contract, over HTTP and sockets. It signs up people ' +
      'of its own and leaves the data of others alone; what it writes stays on that server. ' +
      'It does more from one address than people do: start the server with RATE_LIMIT_SCALE=1000.',
  )
  .argument('<url>', 'of the server or of the balancer in front', serverUrl)
  .option('--json', 'the result as JSON on stdout, progress on stderr', false)
  .addHelpText(
    'after',
    '\nExit codes: 0 all passed, 1 some failed, 2 wrong usage, 69 nothing answers at the URL.\n' +
      '\nExample:\n  npm run conformance -- http://localhost:3000',
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

/** @throws why there is no answer of any kind. */
async function requireAnswer(url: string): Promise<void> {
  const response = await fetch(`${url}/api/auth/check`, {
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  await response.arrayBuffer();
}

async function runTests(url: string, json: boolean): Promise<number> {
  await prepare([]);
  const folder = await mkdtemp(join(tmpdir(), 'parley-conformance-'));
  const file = join(folder, 'report.json');
  const vitest = ['node_modules/vitest/vitest.mjs', 'run'];
  const config = ['--config', 'test/conformance/vitest.config.ts'];
  const reporters = json ? ['--reporter=default', '--reporter=json', `--outputFile=${file}`] : [];
  try {
    const { code } = await withSignals(() =>
      runInGroup(process.execPath, [...vitest, ...config, ...reporters], {
        cwd: root,
        env: { ...process.env, CONFORMANCE_URL: url },
        // With --json, stdout is for the result alone.
        stdio: ['ignore', json ? process.stderr : 'inherit', 'inherit'],
      }),
    );
    if (json) console.log(JSON.stringify(await summary(url, file), null, 2));
    return code === 0 ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function summary(url: string, file: string) {
  const report = JSON.parse(await readFile(file, 'utf8')) as Report;
  const failures = report.testResults.flatMap(({ name, message, assertionResults }) => {
    const path = relative(root, name);
    const failed = assertionResults.filter(({ status }) => status === 'failed');
    const tests = failed.map((one) => ({
      file: path,
      test: one.fullName,
      message: one.failureMessages.join('\n'),
    }));
    return message === '' ? tests : [{ file: path, test: '', message }, ...tests];
  });
  return { url, passed: report.numPassedTests, failed: report.numFailedTests, failures };
}

async function main(url: string, json: boolean): Promise<number> {
  try {
    await requireAnswer(url);
  } catch (error) {
    const { cause, message } = error as Error;
    tell(`Nothing answers at ${url}: ${cause instanceof Error ? cause.message : message}`);
    return NOTHING_ANSWERS;
  }
  try {
    return await runTests(url, json);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    tell(`\n${error.message}\n`);
    return 1;
  }
}

program.parse();
const [url] = program.processedArgs as [string];
process.exitCode = await main(url, program.opts<{ json: boolean }>().json);
