/**
 * Node's flags for the server, for whoever starts it beside `npm start` and the image, which have
 * the same ones in package.json and deploy/Dockerfile (a test compares them).
 *
 * - `--max-semi-space-size=32`: what a message leaves behind dies young, within 32 MB and not 16.
 * - `--v8-pool-size=1`: one helper thread for the garbage collector, not four. Where cores are
 *   few, helpers run in place of the event loop: on one core four of them, marking the old
 *   generation for 100 ms every 5 s at 7,000 messages a second, left it a fifth of the core.
 * - `--no-allocation-site-pretenuring`: V8 would put what its code allocates for each message into
 *   the old generation, once much of it survived a young collection, and there it keeps alive what
 *   it points to until the next full collection. With this flag and the arrays in
 *   micro-batcher.ts 6 MB a second become old instead of 21 to 25, and a young collection pauses
 *   for 2.3 ms instead of 6.7 (7,274 messages a second; with either alone 14 and 21 to 27 MB).
 *
 * On a machine with many cores a second helper would end full collections sooner; instances are
 * meant to be one per core. Node refuses to start with a flag that it does not know: these were
 * tried with 20.20, 22.23, 24.21 and 25.9.
 */
export const serverFlags = [
  '--max-semi-space-size=32',
  '--v8-pool-size=1',
  '--no-allocation-site-pretenuring',
];
