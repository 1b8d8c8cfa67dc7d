import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { useLogOut } from './use-log-out.ts';

/** Whoever believes to be logged out must hear that they are not. */
export function LogOutFailedDialog({ onClose }: { onClose: () => void }) {
  const logOut = useLogOut();
  return (
    <ConfirmDialog
      title="You are still logged in"
      action="Try again"
      onConfirm={() => logOut.mutateAsync()}
      onClose={onClose}
    >
      Logging out did not succeed, because the server could not be told.
    </ConfirmDialog>
  );
}
