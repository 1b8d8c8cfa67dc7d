import { Search } from 'lucide-react';
import { useEffect, useRef } from 'react';

export interface SearchBoxProps {
  words: string;
  onChange: (words: string) => void;
  /** Enter: the first hit is meant. */
  onEnter: () => void;
}

/** Narrows the list as one types. Ctrl or Command with K leads to it. */
export function SearchBox({ words, onChange, onEnter }: SearchBoxProps) {
  const input = useRef<HTMLInputElement>(null);

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
        aria-label="Search people and groups"
        placeholder="Search people and groups"
        value={words}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onChange('');
          if (event.key !== 'Enter' || event.nativeEvent.isComposing) return;
          // It would begin a new line in the message of the conversation that it opens.
          event.preventDefault();
          onEnter();
        }}
        className="h-9 w-full rounded-lg border border-transparent bg-canvas pr-2 pl-9 text-base placeholder:text-ink-faint focus:border-accent focus:outline-2 focus:-outline-offset-1 focus:outline-accent [&::-webkit-search-cancel-button]:grayscale"
      />
    </div>
  );
}
