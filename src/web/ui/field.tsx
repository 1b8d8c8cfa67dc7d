import { clsx } from 'clsx';
import { type ComponentProps, useId } from 'react';

export interface FieldProps extends ComponentProps<'input'> {
  label: string;
  /** What is wrong with the value. */
  fault?: string | undefined;
  hint?: string;
}

export const inputLook = clsx(
  'w-full rounded-lg border border-line-strong bg-raised px-3 text-base text-ink',
  'placeholder:text-ink-faint focus:border-accent focus:outline-2 focus:-outline-offset-1',
  'focus:outline-accent aria-invalid:border-danger disabled:opacity-60',
);

/** A labelled line of input, with its fault or hint below. */
export function Field({ label, fault, hint, className, ...rest }: FieldProps) {
  const id = useId();
  const note = fault ?? hint;
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium text-ink-soft">
        {label}
      </label>
      <input
        id={id}
        className={clsx(inputLook, 'h-10')}
        aria-invalid={fault !== undefined}
        aria-describedby={note === undefined ? undefined : `${id}-note`}
        {...rest}
      />
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
