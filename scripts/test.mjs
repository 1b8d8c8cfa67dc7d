/** `npm test [-- arguments for vitest]`: prepares the checkout, then runs vitest with a configuration. */
import { chdir } from 'node:process';
import { prepare, root } from './lib/prepare.mjs';
import { runInGroup, StepError, tell, withSignals } from './lib/step.mjs';

chdir(root);
try {
  // Browser tests open the built client, start tests run the compiled server.
  await prepare(['server', 'web']);
  const given = process.argv.slice(2);
  const config = given.includes('--config') ? [] : ['--config', 'test/vitest.config.ts'];
  const args = ['node_modules/vitest/vitest.mjs', 'run', ...config, ...given];
  // Without the terminal's keys, which a group of its own may not read.
  const stdio = ['ignore', 'inherit', 'inherit'];
  const { code } = await withSignals(() => runInGroup(process.execPath, args, { stdio }), 20_000);
  process.exitCode = code ?? 1;
} catch (error) {
  if (!(error instanceof StepError)) throw error;
  tell(`\n${error.message}\n`);
  process.exitCode = 1;
}
