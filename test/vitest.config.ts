import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/**/*.test.ts'],
    // The former start clusters of their own: npm run test:faults. The latter run as one file
    // against one server (test/contract.test.ts), and against any: npm run conformance.
    exclude: ['test/faults/**', 'test/conformance/**'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Between two pages, on a machine that does other things, too, a second is little.
    expect: { poll: { timeout: 10_000 } },
    reporters: process.env.TEST_RESULTS === undefined ? ['default'] : ['default', 'json'],
    ...(process.env.TEST_RESULTS === undefined ? {} : { outputFile: process.env.TEST_RESULTS }),
  },
});
