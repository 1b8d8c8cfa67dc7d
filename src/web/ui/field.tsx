import { clsx } from 'clsx';
import { type ComponentProps, type ReactNode, useId } from 'react';

export interface FieldProps extends ComponentProps<'input'> {
  label: string;
  /** What is wrong with the value. */
  fault?: string | undefined;
  hint?: string;
  /** A button within the line, at its end. */
  action?: ReactNode;
}

export const inputLook = clsx(
  'w-full rounded-lg border border-line-strong bg-raised px-3 text-base text-ink',
  'placeholder:text-ink-faint focus:border-accent focus:outline-2 focus:-outline-offset-1',
  'focus:outline-accent aria-invalid:border-danger disabled:opacity-60',
);

/** A labelled line of input, with its fault or hint below. */
export function Field({ label, fault, hint, action, className, ...rest }: FieldProps) {
  const id = useId();
  const note = fault ?? hint;
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium text-ink-soft">
        {label}
      </label>
      <div className="relative">
        <input
          id={id}
          className={clsx(inputLook, 'h-10', action && 'pr-11')}
          aria-invalid={fault !== undefined}
          aria-describedby={note === undefined ? undefined : `${id}-note`}
          {...rest}
        />
        {action && <span className="absolute inset-y-0 right-0">{action}</span>}
      </div>
      {note !== undefined && (
        <p
          id={`${id}-note`}
          className={clsx(
            'mt-1.5 text-sm first-letter:uppercase',
            fault ? 'text-danger' : 'text-ink-faint',
          )}
        >
          {note}
        </p>
      )}
    </div>
  );
}
