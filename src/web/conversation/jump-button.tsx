import { ArrowDown } from 'lucide-react';

export interface JumpButtonProps {
  /** Unread messages below. */
  count: number;
  onJump: () => void;
}

export function JumpButton({ count, onJump }: JumpButtonProps) {
  const label = count > 0 ? `Jump to newest, ${count} new` : 'Jump to newest';
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className="absolute right-5 bottom-4 grid size-11 animate-appear place-items-center rounded-full border border-line bg-raised text-ink-soft shadow-float hover:text-ink"
      onClick={onJump}
    >
      <ArrowDown size={20} aria-hidden />
      {count > 0 && (
        <span className="absolute -top-2 min-w-5 rounded-full bg-accent px-1.5 text-xs leading-5 font-semibold text-accent-ink tabular-nums">
          {count > 99 ? '99+' : count}
        </span>
      )}
    </button>
  );
}
