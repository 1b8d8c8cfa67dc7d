/**
 * Keeps a growing list of messages where its reader is. At the end it stays at the end,
 * whatever is added or resized; elsewhere the messages in view do not move, also when older
 * ones come in above. Measured, not estimated: a virtual list has to guess the heights of what
 * it has not drawn yet, and jumps by the error.
 */
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

export interface ScrollOptions {
  /** Key of the first row; it changes when older rows come in. */
  firstKey: string | undefined;
  /** Changes whenever rows do. */
  rows: unknown;
  /** Row to begin at; the end where there is none. */
  openAt: string | undefined;
  /** The reader is near the top. */
  onNearTop: () => void;
  /** The reader is near the end. */
  onNearEnd?: () => void;
  /** Whether it stays at the end when something is added there. */
  followsEnd?: boolean;
}

export interface Scroll {
  /** For the element that scrolls; its only child holds the rows, marked with `data-key`. */
  ref: RefObject<HTMLElement | null>;
  onScroll: () => void;
  isAtEnd: boolean;
  toEnd: () => void;
  /** Shows a row in the middle, and makes it stand out for a moment, as soon as it is there. */
  toRow: (key: string) => void;
}

/** Pixels from the end that still count as being there. */
const END = 60;
/** Pixels from the top, or the end, at which further messages are wanted. */
const NEAR = 900;
const ABOVE_OPENING = 120;
/** As long as its animation. */
const FOUND_MS = 1_600;

const rowOf = (list: HTMLElement, key: string | undefined) =>
  key === undefined ? null : list.querySelector<HTMLElement>(`[data-key="${key}"]`);

/** Lower edge of a row: what stands above its message may go when older rows come in. */
const endOf = (row: HTMLElement) => row.offsetTop + row.offsetHeight;

export function useScroll(options: ScrollOptions): Scroll {
  const { firstKey, rows, openAt, onNearTop, onNearEnd, followsEnd = true } = options;
  const ref = useRef<HTMLElement>(null);
  const [isAtEnd, setIsAtEnd] = useState(true);
  const sticks = useRef(followsEnd);
  const isOpened = useRef(false);
  const wanted = useRef<string>(undefined);
  const first = useRef<{ key: string | undefined; end: number }>({ key: undefined, end: 0 });

  const onScroll = useCallback(() => {
    const list = ref.current;
    if (!list) return;
    const left = list.scrollHeight - list.scrollTop - list.clientHeight;
    sticks.current = followsEnd && left < END;
    setIsAtEnd(sticks.current);
    if (list.scrollTop < NEAR) onNearTop();
    if (left < NEAR) onNearEnd?.();
  }, [onNearTop, onNearEnd, followsEnd]);

  const toEnd = useCallback(() => {
    sticks.current = true;
    setIsAtEnd(true);
    ref.current?.scrollTo({ top: ref.current.scrollHeight });
  }, []);

  const showWanted = useCallback(() => {
    const list = ref.current;
    const row = list && wanted.current !== undefined ? rowOf(list, wanted.current) : null;
    if (!list || !row) return;
    wanted.current = undefined;
    sticks.current = false;
    row.scrollIntoView({ block: 'center' });
    row.dataset.found = '';
    setTimeout(() => delete row.dataset.found, FOUND_MS);
  }, []);

  const toRow = useCallback(
    (key: string) => {
      wanted.current = key;
      // At the end a long list is cut, also before the row has come.
      sticks.current = false;
      setIsAtEnd(false);
      showWanted();
    },
    [showWanted],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: it measures what the rows became
  useLayoutEffect(() => {
    const list = ref.current;
    if (!list) return;
    const opening = isOpened.current ? null : rowOf(list, openAt);
    isOpened.current = true;
    const formerFirst = rowOf(list, first.current.key);
    if (opening) list.scrollTop = opening.offsetTop - ABOVE_OPENING;
    else if (sticks.current) list.scrollTop = list.scrollHeight;
    else if (formerFirst) list.scrollTop += endOf(formerFirst) - first.current.end;
    const nowFirst = rowOf(list, firstKey);
    first.current = { key: firstKey, end: nowFirst ? endOf(nowFirst) : 0 };
    showWanted();
    onScroll();
  }, [rows]);

  useEffect(() => {
    const list = ref.current;
    if (!list) return;
    const observer = new ResizeObserver(() => {
      if (sticks.current) list.scrollTop = list.scrollHeight;
      else onScroll();
    });
    observer.observe(list);
    for (const child of list.children) observer.observe(child);
    return () => observer.disconnect();
  }, [onScroll]);

  return { ref, onScroll, isAtEnd, toEnd, toRow };
}
