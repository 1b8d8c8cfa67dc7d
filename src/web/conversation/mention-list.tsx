import { clsx } from 'clsx';
import { Users } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { EVERYONE } from '../../protocol/mentions.ts';
import { counted } from '../state/wording.ts';
import { Avatar } from '../ui/avatar.tsx';
import type { MentionListState, Suggestion } from './use-mention-list.ts';

export interface MentionListProps {
  list: MentionListState;
  /** Whom "all" means, oneself included. */
  memberCount: number;
}

/**
 * Whom one may mean by what was typed after "@". The focus stays in the text, which names the
 * marked one to screen readers (aria-activedescendant).
 */
export function MentionList({ list, memberCount }: MentionListProps) {
  const { suggestions, index, listId, optionId, choose } = list;
  const marked = useRef<HTMLDivElement>(null);
  const count = suggestions.length;

  // biome-ignore lint/correctness/useExhaustiveDependencies: it follows the mark
  useEffect(() => {
    marked.current?.scrollIntoView({ block: 'nearest' });
  }, [index, count]);

  return (
    <>
      <p role="status" className="sr-only">
        {count > 0 &&
          `${counted(count, 'suggestion')}. Up and Down choose one, Enter takes it, Escape closes.`}
      </p>
      {count > 0 && (
        <div
          id={listId}
          role="listbox"
          aria-label="Who is meant"
          className="absolute inset-x-0 bottom-full z-20 mb-2 max-h-64 animate-appear overflow-y-auto rounded-xl border border-line bg-raised p-1.5 shadow-float"
        >
          {suggestions.map((one, of) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are heard by the text
            <div
              key={one.id}
              ref={of === index ? marked : undefined}
              id={optionId(of)}
              role="option"
              tabIndex={-1}
              aria-selected={of === index}
              className={clsx(
                'flex min-h-10 cursor-pointer items-center gap-2.5 rounded-lg px-2.5 py-1 select-none pointer-coarse:min-h-12',
                of === index ? 'bg-accent-soft' : 'hover:bg-hover',
              )}
              // The focus stays where one writes.
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => choose(one)}
            >
              <Face of={one} />
              <span className="truncate">{one.name}</span>
              {one.id === EVERYONE && (
                <span className="ml-auto shrink-0 text-sm text-ink-faint">
                  everyone, {counted(memberCount, 'member')}
                </span>
              )}
            </div>
          ))}
        </div>
      )}
    </>
  );
}

const Face = ({ of: { id, name, picture } }: { of: Suggestion }) =>
  picture === undefined ? (
    <span className="grid size-8 shrink-0 place-items-center rounded-full bg-hover text-ink-soft">
      <Users size={16} aria-hidden />
    </span>
  ) : (
    <Avatar id={id} name={name} picture={picture} size="sm" />
  );
