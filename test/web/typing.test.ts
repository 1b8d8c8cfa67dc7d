import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Typing } from '../../src/web/client/typing.ts';
import { direct, group, other } from './message.ts';

describe('who is typing', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function setup() {
    const told: [string, boolean][] = [];
    const typing = new Typing({
      tell: async (conversationId, active) => {
        told.push([conversationId, active]);
        throw new Error('nobody listens');
      },
    });
    return { typing, told };
  }

  it('is told seldom while one goes on, in each conversation', () => {
    const { typing, told } = setup();
    for (let second = 0; second < 60; second++) {
      typing.wrote(direct);
      vi.advanceTimersByTime(1_000);
    }
    expect(told).toHaveLength(15);
    typing.wrote(group);
    expect(told.at(-1)).toEqual([group, true]);
  });

  it('is over when one gives up, and begins anew after sending', () => {
    const { typing, told } = setup();
    typing.stopped(direct);
    typing.wrote(direct);
    typing.stopped(direct);
    typing.stopped(direct);
    typing.wrote(direct);
    typing.sent(direct);
    typing.wrote(direct);
    expect(told).toEqual([true, false, true, true].map((active) => [direct, active]));
  });

  it('is shown until nothing more is heard', () => {
    const { typing } = setup();
    const third = 'd'.repeat(24);
    typing.note(group, other, true);
    const shown = typing.in(group);
    vi.advanceTimersByTime(9_000);
    typing.note(group, other, true);
    expect(typing.in(group)).toBe(shown);
    typing.note(group, third, true);
    expect(typing.in(group)).toEqual([other, third]);
    vi.advanceTimersByTime(9_000);
    typing.note(group, third, true);
    vi.advanceTimersByTime(1_500);
    expect(typing.in(group)).toEqual([third]);
    typing.note(group, third, false);
    expect(typing.in(group)).toEqual([]);
    typing.note(group, third, true);
    typing.clear();
    expect(typing.in(group)).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
