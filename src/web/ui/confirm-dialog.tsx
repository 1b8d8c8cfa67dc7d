import { useMutation } from '@tanstack/react-query';
import { AlertDialog } from 'radix-ui';
import type { ReactNode } from 'react';
import { explain } from '../client/errors.ts';
import { Button } from './button.tsx';
import { Fault } from './fault.tsx';

export interface ConfirmDialogProps {
  title: string;
  children: ReactNode;
  /** The verb on the button. */
  action: string;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}

/** Asks before something that cannot be taken back. */
export function ConfirmDialog({ title, children, action, onConfirm, onClose }: ConfirmDialogProps) {
  const confirm = useMutation({ mutationFn: onConfirm, onSuccess: onClose });
  return (
    <AlertDialog.Root open onOpenChange={(open) => !open && onClose()}>
      <AlertDialog.Portal>
        <div className="pointer-events-none fixed inset-0 z-50 grid grid-cols-[minmax(0,1fr)] place-items-center p-5">
          <div className="absolute inset-0 size-full bg-veil" aria-hidden />
          <AlertDialog.Content className="pointer-events-auto relative w-full max-w-sm animate-appear rounded-2xl border border-line bg-panel p-5 shadow-float focus:outline-none">
            <AlertDialog.Title className="text-lg font-semibold wrap-anywhere">
              {title}
            </AlertDialog.Title>
            <AlertDialog.Description className="mt-1 text-ink-soft">
              {children}
            </AlertDialog.Description>
            {confirm.isError && <Fault className="mt-3">{explain(confirm.error)}</Fault>}
            <div className="mt-5 flex justify-end gap-2">
              <AlertDialog.Cancel asChild>
                <Button look="quiet">Cancel</Button>
              </AlertDialog.Cancel>
              <Button look="danger" busy={confirm.isPending} onClick={() => confirm.mutate()}>
                {action}
              </Button>
            </div>
          </AlertDialog.Content>
        </div>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
