import { clsx } from 'clsx';
import { type ReactNode, useId } from 'react';
import { useChat } from '../state/chat.tsx';
import type { ConversationRow } from '../state/conversations.ts';
import { type SearchFilters, useSearch } from '../state/search.ts';
import { inputLook } from '../ui/field.tsx';

const look = clsx(inputLook, 'h-8 min-w-0 px-2 text-sm');

/** Where, from whom, and of when messages are looked for. */
export function SearchFilterFields({ rows }: { rows: readonly ConversationRow[] }) {
  const { me } = useChat();
  const { filters, setFilters } = useSearch();
  const byName = [...rows].sort((a, b) => a.name.localeCompare(b.name));
  const people = byName.flatMap((row) => (row.kind === 'person' ? [row] : []));
  return (
    <fieldset className="mx-3 mb-2 grid grid-cols-2 gap-2 rounded-lg border border-line p-2.5">
      <legend className="sr-only">Filters of the search for messages</legend>
      <Labelled label="In">
        {(id) => (
          <select
            id={id}
            className={look}
            value={filters.in}
            onChange={(event) => setFilters({ in: event.target.value })}
          >
            <option value="">All conversations</option>
            {byName.map((row) => (
              <option key={row.id} value={row.id}>
                {row.name}
              </option>
            ))}
          </select>
        )}
      </Labelled>
      <Labelled label="From">
        {(id) => (
          <select
            id={id}
            className={look}
            value={filters.from}
            onChange={(event) => setFilters({ from: event.target.value })}
          >
            <option value="">Anyone</option>
            <option value={me._id}>You</option>
            {people.map(({ id: key, person }) => (
              <option key={key} value={person._id}>
                {person.fullName}
              </option>
            ))}
          </select>
        )}
      </Labelled>
      <Day label="Since" name="since" />
      <Day label="Until" name="until" />
      <label className="col-span-2 flex items-center gap-2 text-sm text-ink-soft">
        <input
          type="checkbox"
          className="size-4 accent-accent"
          checked={filters.withFiles}
          onChange={(event) => setFilters({ withFiles: event.target.checked })}
        />
        With pictures or files
      </label>
    </fieldset>
  );
}

function Day({ label, name }: { label: string; name: keyof SearchFilters & ('since' | 'until') }) {
  const { filters, setFilters } = useSearch();
  return (
    <Labelled label={label}>
      {(id) => (
        <input
          id={id}
          type="date"
          className={look}
          value={filters[name]}
          onChange={(event) => setFilters({ [name]: event.target.value })}
        />
      )}
    </Labelled>
  );
}

function Labelled({ label, children }: { label: string; children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="mb-1 block text-xs font-medium text-ink-faint">
        {label}
      </label>
      {children(id)}
    </div>
  );
}
