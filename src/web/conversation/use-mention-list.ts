/** Completion of "@name" in what one writes to a group: who fits, and the keys that choose. */
import { type KeyboardEvent, type RefObject, useId, useMemo, useState } from 'react';
import { EVERYONE } from '../../protocol/mentions.ts';
import type { GroupMember } from '../../protocol/types.ts';
import { isInCode, type Named } from '../state/mentions.ts';
import { insertText } from './mark-up.ts';

/** Somebody who may be chosen; all members without a picture. */
export interface Suggestion extends Named {
  picture?: string;
}

/** Beside everyone. */
const MOST = 7;
/** "@" behind nothing or a sign, and what was typed after it; of names with spaces, too. */
const typedPattern = /(?<![\p{L}\p{M}\p{N}_@/])@([^\s@][^@\n]{0,100})?$/u;

/** As people type it: without accents. */
const plain = (words: string) => words.normalize('NFKD').replace(/\p{M}/gu, '').toLocaleLowerCase();

/** Those whose name, or a word of it, begins so; the ones whose name does first. */
function suggestionsFor(typed: string, members: readonly GroupMember[]): Suggestion[] {
  const wanted = plain(typed);
  const rankOf = ({ fullName }: GroupMember) => {
    const name = plain(fullName);
    return name.startsWith(wanted) ? 0 : name.includes(` ${wanted}`) ? 1 : 2;
  };
  const found = members
    .map((member) => ({ member, rank: rankOf(member) }))
    .filter(({ rank }) => rank < 2)
    .sort((a, b) => a.rank - b.rank || a.member.fullName.localeCompare(b.member.fullName))
    .slice(0, MOST)
    .map(({ member }) => ({ id: member._id, name: member.fullName, picture: member.profilePic }));
  // Last, so that nobody calls everyone by a hasty Enter.
  return EVERYONE.startsWith(wanted) ? [...found, { id: EVERYONE, name: EVERYONE }] : found;
}

export interface MentionListOptions {
  box: RefObject<HTMLTextAreaElement | null>;
  text: string;
  /** Who can be named, without oneself; nobody in direct conversations. */
  members: readonly GroupMember[];
  onChoose: (one: Named) => void;
}

export function useMentionList({ box, text, members, onChoose }: MentionListOptions) {
  const id = useId();
  /** Where one writes; undefined while something is selected, or one is elsewhere. */
  const [caret, setCaret] = useState<number>();
  const [marked, setMarked] = useState({ typed: '', index: 0 });
  /** The "@" whose list was closed, or was of use already. */
  const [done, setDone] = useState<number>();

  const found = useMemo(() => {
    const before = members.length === 0 || caret === undefined ? '' : text.slice(0, caret);
    const match = before.includes('@') ? typedPattern.exec(before) : null;
    if (match === null || isInCode(text, match.index)) return undefined;
    return { at: match.index, suggestions: suggestionsFor(match[1] ?? '', members) };
  }, [text, caret, members]);
  if (done !== undefined && found?.at !== done) setDone(undefined);
  const suggestions = found === undefined || found.at === done ? [] : found.suggestions;
  const typed = found === undefined ? '' : text.slice(found.at, caret);
  const index = marked.typed === typed ? Math.min(marked.index, suggestions.length - 1) : 0;
  const optionId = (of: number) => `${id}-${of}`;

  function choose(one: Suggestion | undefined): void {
    const field = box.current;
    if (field === null || one === undefined || found === undefined) return;
    const end = caret ?? field.selectionEnd;
    setDone(found.at);
    onChoose({ id: one.id, name: one.name });
    field.setSelectionRange(found.at, end);
    insertText(field, `@${one.name}${/^\s/.test(text.slice(end)) ? '' : ' '}`);
  }

  return {
    listId: `${id}-list`,
    suggestions,
    /** Of the one that Enter takes. */
    index,
    optionId,
    choose,
    /** The caret is there now. */
    follow: (field: HTMLTextAreaElement) =>
      setCaret(field.selectionStart === field.selectionEnd ? field.selectionStart : undefined),
    leave: () => setCaret(undefined),
    /** Whether the key was for the list. */
    takesKey: (event: KeyboardEvent): boolean => {
      const count = suggestions.length;
      if (count === 0 || event.nativeEvent.isComposing) return false;
      if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return false;
      if (event.key === 'ArrowDown') setMarked({ typed, index: (index + 1) % count });
      else if (event.key === 'ArrowUp') setMarked({ typed, index: (index + count - 1) % count });
      else if (event.key === 'Enter' || event.key === 'Tab') choose(suggestions[index]);
      else if (event.key === 'Escape') setDone(found?.at);
      else return false;
      event.preventDefault();
      return true;
    },
  };
}

export type MentionListState = ReturnType<typeof useMentionList>;
