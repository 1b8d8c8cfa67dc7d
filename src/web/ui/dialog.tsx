import { clsx } from 'clsx';
import { X } from 'lucide-react';
import { Dialog as Radix } from 'radix-ui';
import type { ReactNode, RefObject } from 'react';
import { IconButton } from './button.tsx';

export interface DialogProps {
  title: string;
  /** Read out with the title. */
  description?: string;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
  /** What has the focus at first, where that is not the first control. */
  initialFocus?: RefObject<HTMLElement | null>;
}

/**
 * A modal dialog; on a phone a sheet at the bottom. The veil is our own element: Radix's
 * overlay locks scrolling with an inline style element, which the Content-Security-Policy
 * refuses, and the page itself never scrolls. It lies in one layer with its dialog: a dialog
 * that opens from another one dims that one too.
 */
export function Dialog(props: DialogProps) {
  const { title, description, onClose, children, wide, initialFocus } = props;
  return (
    <Radix.Root open onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <div className="pointer-events-none fixed inset-0 z-50 grid grid-cols-[minmax(0,1fr)] items-end justify-items-center sm:items-center sm:p-6">
          <div className="absolute inset-0 size-full animate-appear bg-veil" aria-hidden />
          <Radix.Content
            {...(description ? {} : { 'aria-describedby': undefined })}
            onOpenAutoFocus={(event) => {
              if (!initialFocus?.current) return;
              event.preventDefault();
              initialFocus.current.focus();
            }}
            className={clsx(
              'pointer-events-auto relative flex max-h-[min(100dvh,48rem)] w-full animate-appear flex-col',
              'rounded-t-2xl border border-line bg-panel shadow-float focus:outline-none',
              'pb-[env(safe-area-inset-bottom)] sm:max-h-[min(100%,48rem)] sm:rounded-2xl',
              wide ? 'sm:max-w-xl' : 'sm:max-w-md',
            )}
          >
            <header className="flex items-start gap-2 py-3 pr-3 pl-5">
              <div className="min-w-0 flex-1 pt-1.5">
                <Radix.Title className="text-lg font-semibold wrap-anywhere">{title}</Radix.Title>
                {description && (
                  <Radix.Description className="text-sm text-ink-soft">
                    {description}
                  </Radix.Description>
                )}
              </div>
              <Radix.Close asChild>
                <IconButton label="Close">
                  <X size={18} aria-hidden />
                </IconButton>
              </Radix.Close>
            </header>
            {children}
          </Radix.Content>
        </div>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** The scrolling middle of a dialog. */
export function DialogBody({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <div className={clsx('min-h-0 flex-1 overflow-y-auto px-5 pt-1 pb-5', className)}>
      {children}
    </div>
  );
}

/** The row of buttons at a dialog's end. */
export function DialogActions({ children }: { children: ReactNode }) {
  return (
    <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-5 py-3.5">
      {children}
    </footer>
  );
}
