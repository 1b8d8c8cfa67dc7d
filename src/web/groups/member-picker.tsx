import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { useId, useState } from 'react';
import type { User } from '../../protocol/types.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { Avatar } from '../ui/avatar.tsx';
import { Fault } from '../ui/fault.tsx';
import { inputLook } from '../ui/field.tsx';
import { useDebounced } from '../ui/use-debounced.ts';

export interface MemberPickerProps {
  members: readonly User[];
  onChange: (members: readonly User[]) => void;
  /** People who are in already. */
  without?: ReadonlySet<string>;
}

/** Finds people in the directory and collects them. */
export function MemberPicker({ members, onChange, without }: MemberPickerProps) {
  const { chat } = useChat();
  const [words, setWords] = useState('');
  const asked = useDebounced(words.trim(), 200);
  const id = useId();
  const found = useQuery({
    queryKey: ['directory', asked],
    queryFn: ({ signal }) => chat.api.searchUsers(asked, signal),
    placeholderData: keepPreviousData,
  });
  const people = (found.data ?? []).filter(
    (person) => person._id !== chat.ownId && !without?.has(person._id),
  );
  const isIn = (person: User) => members.some((one) => one._id === person._id);
  const toggle = (person: User) =>
    onChange(isIn(person) ? members.filter((one) => one._id !== person._id) : [...members, person]);

  return (
    <fieldset className="min-w-0">
      <legend className="sr-only">Members</legend>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium text-ink-soft">
        Add people
      </label>
      <input
        id={id}
        type="search"
        placeholder="Search by name"
        className={`${inputLook} h-10`}
        value={words}
        onChange={(event) => setWords(event.target.value)}
        onKeyDown={(event) => event.key === 'Enter' && event.preventDefault()}
      />
      {members.length > 0 && (
        <ul aria-label="Chosen people" className="mt-2.5 flex flex-wrap gap-1.5">
          {members.map((person) => (
            <li key={person._id} className="max-w-full">
              <button
                type="button"
                aria-label={`Take ${person.fullName} off`}
                className="flex max-w-full items-center gap-1 rounded-full bg-accent-soft py-1 pr-2 pl-3 text-sm text-accent hover:text-accent-strong"
                onClick={() => toggle(person)}
              >
                <span className="truncate">{person.fullName}</span>
                <X size={14} aria-hidden className="shrink-0" />
              </button>
            </li>
          ))}
        </ul>
      )}
      {found.isError && <Fault className="mt-2.5">{explain(found.error)}</Fault>}
      <ul className="mt-2 h-56 overflow-y-auto" aria-busy={found.isFetching}>
        {people.map((person) => (
          <li key={person._id}>
            <label className="flex items-center gap-3 rounded-lg px-2 py-1.5 hover:bg-hover">
              <Avatar
                id={person._id}
                name={person.fullName}
                picture={person.profilePic}
                size="sm"
              />
              <span className="min-w-0 flex-1 truncate">{person.fullName}</span>
              <input
                type="checkbox"
                className="size-4.5 accent-accent"
                checked={isIn(person)}
                onChange={() => toggle(person)}
              />
            </label>
          </li>
        ))}
        {found.isSuccess && people.length === 0 && (
          <li className="px-2 py-6 text-center text-sm text-ink-soft">
            {asked === '' ? 'There is nobody to add yet.' : `Nobody is called “${asked}”.`}
          </li>
        )}
      </ul>
    </fieldset>
  );
}
