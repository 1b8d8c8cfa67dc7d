/** What the poll of changes asks for after a clock was wrong. */
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { type ChangePoll, createChangePoll } from '../../src/infra/change-poll.ts';
import { eventually } from '../support/client.ts';

let poll: ChangePoll | undefined;
afterEach(() => poll?.close());

it('goes back to the time until which it had looked, not to the present', async () => {
  const beginning = Date.UTC(2030, 0, 1);
  let now = beginning;
  let looks: number[] = [];
  poll = createChangePoll(
    [
      {
        name: 'changes',
        latest: async () => undefined,
        look: async (since) => {
          looks.push(since.getTime());
          // Something is dated ahead, by less than clocks of members may differ.
          return { count: 1, last: new Date(beginning + 9_000) };
        },
      },
    ],
    async () => new Date(now),
    pino({ level: 'silent' }),
  );
  await poll.start();
  expect(looks).toHaveLength(1);
  // For a while it could not look; what changed meanwhile lies between.
  now = beginning + 4_000;
  looks = [];
  await eventually(() => expect(looks.length).toBeGreaterThan(0));
  expect(looks[0]).toBeLessThanOrEqual(beginning);
});
