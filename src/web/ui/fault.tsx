import { clsx } from 'clsx';
import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';

/** Says what went wrong, where it went wrong. */
export function Fault({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <p
      role="alert"
      className={clsx(
        'flex items-start gap-2 rounded-lg bg-danger-soft px-3 py-2 text-sm text-danger',
        className,
      )}
    >
      <CircleAlert size={16} aria-hidden className="mt-px shrink-0" />
      <span>{children}</span>
    </p>
  );
}
