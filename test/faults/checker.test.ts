/** The checker itself: a client that lost something must not pass. */
import { describe, expect, it } from 'vitest';
import { faultsOfCopy } from './checker.ts';
import { createMemory } from './memory.ts';

const id = 'a-b';
const messages = (...seqs: number[]) =>
  seqs.map((seq) => ({ _id: `m${seq}`, conversationId: id, seq }));
const stored = messages(1, 2, 3, 4, 5, 6);

/** A client that held something from the given number on, and was told of what followed. */
function remember(from: number) {
  const memory = createMemory();
  memory.note(id, messages(from));
  for (const message of stored.slice(from)) memory.noteLive(message);
  return memory;
}

const faults = (held: ReturnType<typeof messages>, memory = remember(3), isRestored = false) =>
  faultsOfCopy({ held, stored, remembered: memory.of(id), isRestored });

describe('the checker of clients', () => {
  it('accepts everything from the lowest number on that was ever held', () => {
    expect(faults(messages(3, 4, 5, 6))).toEqual([]);
  });

  it.each([
    { what: 'an older message was lost', held: [4, 5, 6], says: 'lacks 3' },
    { what: 'only the newest is left', held: [6], says: 'lacks 3 4 5' },
    { what: 'there is a hole', held: [3, 4, 6], says: 'lacks 5' },
    { what: 'the newest is missing', held: [3, 4, 5], says: 'lacks 6' },
    { what: 'nothing is left', held: [], says: 'lacks 3 4 5 6' },
    { what: 'one is there twice', held: [3, 4, 4, 5, 6], says: 'holds 5 of 4' },
    { what: 'two are in the wrong order', held: [3, 5, 4, 6], says: 'lacks none' },
  ])('refuses a copy when $what', ({ held, says }) => {
    expect(faults(messages(...held))[0]).toContain(says);
  });

  it('refuses a copy without what was told live, also of what was never stored', () => {
    expect(faults(messages(3, 4, 6))).toContain('was told 5 and does not hold it');
    const memory = remember(3);
    memory.noteLive({ _id: 'a ghost', conversationId: id, seq: 6 });
    expect(faults(messages(3, 4, 5, 6), memory)).toEqual(['was told 6 and does not hold it']);
  });

  it('accepts a new beginning only after a restored backup', () => {
    const memory = remember(1);
    memory.beginAnew(id);
    memory.note(id, messages(5, 6));
    expect(faults(messages(5, 6), memory)).toEqual(['was told 1 times to begin anew']);
    expect(faults(messages(5, 6), memory, true)).toEqual([]);
    expect(faults(messages(6), memory, true)[0]).toContain('lacks 5');
  });
});
