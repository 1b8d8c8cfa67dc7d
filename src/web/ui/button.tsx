import { clsx } from 'clsx';
import type { ComponentProps, ReactNode } from 'react';
import { Spinner } from './spinner.tsx';

type Look = 'primary' | 'quiet' | 'danger' | 'quietDanger';

const looks: Record<Look, string> = {
  primary: 'bg-accent text-accent-ink hover:bg-accent-strong',
  quiet: 'border border-line bg-raised text-ink hover:bg-hover',
  quietDanger: 'border border-line bg-raised text-danger hover:bg-danger-soft',
  danger: 'bg-danger text-danger-ink hover:bg-danger-strong',
};

export interface ButtonProps extends ComponentProps<'button'> {
  look?: Look;
  /** Something is under way: the button waits and says so. */
  busy?: boolean;
}

/** A button with words on it. */
export function Button({
  look = 'primary',
  busy = false,
  disabled,
  className,
  children,
  type = 'button',
  ...rest
}: ButtonProps) {
  return (
    <button
      type={type}
      disabled={disabled || busy}
      aria-busy={busy}
      className={clsx(
        'inline-flex h-10 items-center justify-center gap-2 rounded-lg px-4 text-base font-medium',
        'shadow-card transition-colors disabled:cursor-default disabled:opacity-60',
        looks[look],
        className,
      )}
      {...rest}
    >
      {busy && <Spinner />}
      {children}
    </button>
  );
}

export interface IconButtonProps extends Omit<ComponentProps<'button'>, 'aria-label'> {
  /** What it does, for screen readers and as a hint. */
  label: string;
  children: ReactNode;
}

/** A button with only a picture on it. */
export function IconButton({ label, className, type = 'button', ...rest }: IconButtonProps) {
  return (
    <button
      type={type}
      aria-label={label}
      title={label}
      className={clsx(
        'inline-grid size-10 shrink-0 place-items-center rounded-lg text-ink-soft transition-colors',
        'hover:bg-hover hover:text-ink disabled:cursor-default disabled:opacity-50',
        className,
      )}
      {...rest}
    />
  );
}
