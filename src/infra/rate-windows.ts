/**
 * Fixed windows in this process, by key: what an instance knows of the shared counts, and all
 * there is to go by while Redis is away. express-rate-limit's own MemoryStore keeps every key
 * for two windows, however many there are, and cannot be told what Redis says.
 */

/** One key's window. */
export interface Window {
  /** What Redis said last; 0 while it said nothing. */
  known: number;
  /** Hits in this process that Redis never heard of. */
  missed: number;
  /** When the window ends, in milliseconds since 1970. */
  resetAt: number;
}

/** Beyond it the oldest windows are forgotten. */
const MOST_KEYS = 50_000;

export interface Windows {
  /** The key's window, a new one when there is none or it has ended. */
  of(key: string): Window;
  /** The same, if there is one. */
  known(key: string): Window | undefined;
  forget(key: string): void;
}

/** @param windowMs length of a window in milliseconds */
export function createWindows(windowMs: number, mostKeys = MOST_KEYS): Windows {
  // In the order in which they began, so that those that have ended are the first.
  const windows = new Map<string, Window>();

  function known(key: string): Window | undefined {
    const window = windows.get(key);
    return window !== undefined && window.resetAt > Date.now() ? window : undefined;
  }

  function begin(key: string): Window {
    const now = Date.now();
    windows.delete(key);
    for (const [oldest, { resetAt }] of windows) {
      if (resetAt > now && windows.size < mostKeys) break;
      windows.delete(oldest);
    }
    const window = { known: 0, missed: 0, resetAt: now + windowMs };
    windows.set(key, window);
    return window;
  }

  return {
    of: (key) => known(key) ?? begin(key),
    known,
    forget: (key) => {
      windows.delete(key);
    },
  };
}

/** Takes in what Redis says of a key. Hits that it never heard of keep the end they had. */
export function learn(window: Window, total: number, resetAt: number): void {
  window.known = total;
  if (window.missed === 0) window.resetAt = resetAt;
}
