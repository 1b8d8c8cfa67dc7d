/**
 * `npm start` and, with --dev, `npm run dev`: prepares the checkout, then becomes the server.
 * One process, so that signals and the exit code are the server's own.
 */
import { chdir } from 'node:process';
import { forgetBuild, prepare, root } from './lib/prepare.mjs';
import { runInGroup, StepError, stopChildren, tell, withSignals } from './lib/step.mjs';

// The server closes within 30 s.
const drainLimitMs = 32_000;

chdir(root);
try {
  if (process.argv.includes('--dev')) {
    await prepare(['web']);
    forgetBuild('web');
    process.exitCode = await develop();
  } else {
    await prepare(['server', 'web']);
    await import('../dist/server/main.js');
  }
} catch (error) {
  if (!(error instanceof StepError)) throw error;
  tell(`\n${error.message}\n`);
  process.exitCode = 1;
}

/** The server restarts and the client is rebuilt when a source changes; when one ends, both do. */
function develop() {
  const programs = [
    ['node_modules/tsx/dist/cli.mjs', 'watch', '--clear-screen=false', 'src/main.ts'],
    ['node_modules/vite/bin/vite.js', 'build', '--watch', '--config', 'src/web/vite.config.ts'],
  ];
  return withSignals(async () => {
    const runs = programs.map(async (args) => {
      const { code } = await runInGroup(process.execPath, args, {
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      stopChildren();
      return code ?? 1;
    });
    return Math.max(...(await Promise.all(runs)));
  }, drainLimitMs);
}
