import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/**/*.test.ts'],
    // These start clusters of their own: npm run test:faults, npm run conformance.
    exclude: ['test/faults/**'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: process.env.TEST_RESULTS === undefined ? ['default'] : ['default', 'json'],
    ...(process.env.TEST_RESULTS === undefined ? {} : { outputFile: process.env.TEST_RESULTS }),
  },
});
