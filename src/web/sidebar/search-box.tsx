import { clsx } from 'clsx';
import { Search, SlidersHorizontal } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { isFiltered, useSearch } from '../state/search.ts';

export interface SearchBoxProps {
  words: string;
  onChange: (words: string) => void;
  /** Enter: the first hit is meant. */
  onEnter: () => void;
}

/** Narrows the list as one types. Ctrl or Command with K leads to it. */
export function SearchBox({ words, onChange, onEnter }: SearchBoxProps) {
  const input = useRef<HTMLInputElement>(null);
  const { filters, showsFilters, toggleFilters, clear, wanted } = useSearch();

  useEffect(() => {
    if (wanted > 0) input.current?.focus();
  }, [wanted]);

  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      input.current?.select();
      input.current?.focus();
    };
    window.addEventListener('keydown', focus);
    return () => window.removeEventListener('keydown', focus);
  }, []);

  return (
    <div className="relative mx-3 mb-2">
      <Search
        size={16}
        aria-hidden
        className="pointer-events-none absolute top-1/2 left-3 -translate-y-1/2 text-ink-faint"
      />
      <input
        ref={input}
        type="search"
        aria-label="Search people, groups and messages"
        placeholder={filters.in === '' ? 'Search' : 'Search in this conversation'}
        value={words}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') clear();
          if (event.key !== 'Enter' || event.nativeEvent.isComposing) return;
          // It would begin a new line in the message of the conversation that it opens.
          event.preventDefault();
          onEnter();
        }}
        className="h-9 w-full rounded-lg border border-transparent bg-canvas pr-10 pl-9 text-base placeholder:text-ink-faint focus:border-accent focus:outline-2 focus:-outline-offset-1 focus:outline-accent [&::-webkit-search-cancel-button]:grayscale"
      />
      <button
        type="button"
        aria-label="Filters"
        title="Filters"
        aria-expanded={showsFilters}
        className={clsx(
          'absolute inset-y-0 right-0 grid w-9 place-items-center rounded-lg hover:text-ink',
          isFiltered(filters) ? 'text-accent' : 'text-ink-faint',
        )}
        onClick={toggleFilters}
      >
        <SlidersHorizontal size={16} aria-hidden />
      </button>
    </div>
  );
}
