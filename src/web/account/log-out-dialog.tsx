import { useChat } from '../state/chat.tsx';
import { counted } from '../state/wording.ts';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { useLogOut } from './use-log-out.ts';

/** Only asked when something would be lost. */
export function LogOutDialog({ onClose }: { onClose: () => void }) {
  const { chat } = useChat();
  const logOut = useLogOut();
  return (
    <ConfirmDialog
      title="Log out?"
      action="Log out"
      onConfirm={() => logOut.mutateAsync()}
      onClose={onClose}
    >
      {counted(chat.outbox.pendingCount(), 'message')} could not be sent yet and will be lost.
    </ConfirmDialog>
  );
}
