import type { KeyboardEvent } from 'react';

/** With the control key; on a Mac with the command key, because there the other moves the caret. */
const marks: Record<string, string> = { b: '**', i: '_', e: '`', 'shift+x': '~~' };

const isMac = /Mac|iPhone|iPad/.test(navigator.userAgent);

/**
 * Puts the marks of Markdown around what is selected, or takes them away: bold (B), italics (I),
 * code (E), strike (Shift and X).
 * @returns whether the keys pressed mean that.
 */
export function marksUp(event: KeyboardEvent<HTMLTextAreaElement>): boolean {
  const [isAsked, isOther] = isMac
    ? [event.metaKey, event.ctrlKey]
    : [event.ctrlKey, event.metaKey];
  if (!isAsked || isOther || event.altKey) return false;
  const mark = marks[`${event.shiftKey ? 'shift+' : ''}${event.key.toLowerCase()}`];
  if (mark === undefined) return false;
  const box = event.currentTarget;
  const { selectionStart: start, selectionEnd: end, value } = box;
  const inner = value.slice(start, end);
  const isMarked =
    value.slice(start - mark.length, start) === mark &&
    value.slice(end, end + mark.length) === mark &&
    start >= mark.length;
  if (isMarked) {
    box.setSelectionRange(start - mark.length, end + mark.length);
    insert(inner);
    box.setSelectionRange(start - mark.length, end - mark.length);
  } else {
    insert(`${mark}${inner}${mark}`);
    box.setSelectionRange(start + mark.length, end + mark.length);
  }
  return true;
}

/** In place of what is selected in a field, which has the focus afterwards. */
export function insertText(box: HTMLTextAreaElement, text: string): void {
  box.focus();
  insert(text);
}

/** Deprecated, and the only way to change a field so that the browser can undo it. */
function insert(text: string): void {
  if (text === '') document.execCommand('delete');
  else document.execCommand('insertText', false, text);
}
