import { defineConfig } from 'vitest/config';

/** `npm run test:faults`: one after the other, because each fault is everybody's. */
export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    include: ['test/faults/**/*.test.ts'],
    fileParallelism: false,
    pool: 'forks',
    testTimeout: 300_000,
    hookTimeout: 120_000,
    reporters: process.env.TEST_RESULTS === undefined ? ['verbose'] : ['verbose', 'json'],
    ...(process.env.TEST_RESULTS === undefined ? {} : { outputFile: process.env.TEST_RESULTS }),
  },
});
