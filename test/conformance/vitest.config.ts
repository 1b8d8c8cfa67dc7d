import { defineConfig } from 'vitest/config';

/** `npm run conformance`: against the server at CONFORMANCE_URL, so nothing is started. */
export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    include: ['test/conformance/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A file is one line unless a test fails: passwords alone cost some 100 ms each.
    slowTestThreshold: 10_000,
  },
});
