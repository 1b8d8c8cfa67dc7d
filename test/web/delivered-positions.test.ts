import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { limits } from '../../src/protocol/limits.ts';
import { DeliveredPositions } from '../../src/web/client/delivered-positions.ts';
import { UnreachableError } from '../../src/web/client/errors.ts';
import { MessageStore } from '../../src/web/client/message-store.ts';
import { direct, message, own } from './message.ts';

type Told = { conversationId: string; seq: number }[];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What the server takes is told by `take`; it may throw. */
function setup(take: (positions: Told) => Told = (positions) => positions) {
  const store = new MessageStore(own);
  const told: Told[] = [];
  const positions = new DeliveredPositions({
    store,
    send: async (given) => {
      told.push(given);
      return take(given).map((one) => ({ ...one, userId: own }));
    },
    interval: 1_000,
  });
  return { store, told, positions };
}
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const conversation = (number: number) => `${own}-${number.toString(16).padStart(24, '0')}`;

it('tells what comes together in one event, and then seldom', async () => {
  const { store, told, positions } = setup();
  store.receive(message(1));
  await pass(2_000);
  expect(told).toEqual([]);
  positions.start();
  store.receive(message(2));
  store.receive(message(1, { conversationId: conversation(1) }));
  await pass(300);
  const first = [
    { conversationId: direct, seq: 2 },
    { conversationId: conversation(1), seq: 1 },
  ];
  expect(told).toEqual([first]);
  for (let seq = 3; seq < 50; seq++) store.receive(message(seq));
  await pass(900);
  expect(told).toEqual([first]);
  await pass(300);
  expect(told).toEqual([first, [{ conversationId: direct, seq: 49 }]]);
  await pass(5_000);
  expect(told).toHaveLength(2);
});

it('does not tell what was read, or is one’s own', async () => {
  const { store, told, positions } = setup();
  positions.start();
  store.receive(message(1));
  store.noteRead({ conversationId: direct, userId: own, seq: 1 });
  store.receive(message(2, { senderId: own }));
  await pass(5_000);
  expect(told).toEqual([]);
});

it('tells again what failed or was not taken whole, and not what the server refuses', async () => {
  let answers = 0;
  const { store, told, positions } = setup((given) => {
    answers++;
    if (answers === 1) throw new UnreachableError('away');
    if (answers === 2) return given.map((one) => ({ ...one, seq: one.seq - 1 }));
    return given;
  });
  positions.start();
  store.receive(message(1));
  store.receive(message(2));
  await pass(10_000);
  expect(told).toEqual(Array.from({ length: 3 }, () => [{ conversationId: direct, seq: 2 }]));
  const nothing = setup(() => []);
  nothing.positions.start();
  nothing.store.receive(message(1));
  await pass(10_000);
  expect(nothing.told).toHaveLength(1);
});

it('rests while the connection is away, and tells many in several events', async () => {
  const { store, told, positions } = setup();
  const count = limits.deliveredPositions + 10;
  for (let number = 0; number < count; number++) {
    store.receive(message(1, { conversationId: conversation(number) }));
  }
  positions.start();
  positions.stop();
  await pass(5_000);
  expect(told).toEqual([]);
  positions.start();
  await pass(5_000);
  expect(told.map(({ length }) => length)).toEqual([limits.deliveredPositions, 10]);
});
