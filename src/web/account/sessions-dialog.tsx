import { useQuery } from '@tanstack/react-query';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogBody } from '../ui/dialog.tsx';
import { Fault } from '../ui/fault.tsx';
import { Spinner } from '../ui/spinner.tsx';
import { EndOtherSessions } from './end-other-sessions.tsx';
import { SessionItem } from './session-item.tsx';

/** Where one is logged in, and a way to end it there. */
export function SessionsDialog({ onClose }: { onClose: () => void }) {
  const { chat } = useChat();
  const sessions = useQuery({
    queryKey: ['sessions'],
    queryFn: () => chat.api.listSessions(),
    staleTime: 0,
  });
  const others = (sessions.data ?? []).filter((session) => !session.current);
  return (
    <Dialog
      title="Sessions"
      description="Where you are logged in at the moment."
      onClose={onClose}
      wide
    >
      <DialogBody>
        {sessions.isPending && (
          <p role="status" className="flex items-center gap-2 py-6 text-ink-soft">
            <Spinner /> Loading sessions
          </p>
        )}
        {sessions.isError && (
          <div className="grid justify-items-start gap-3">
            <Fault>{explain(sessions.error)}</Fault>
            <Button look="quiet" onClick={() => sessions.refetch()}>
              Try again
            </Button>
          </div>
        )}
        <ul className="divide-y divide-line">
          {[...(sessions.data ?? [])]
            .sort((a, b) => Number(b.current) - Number(a.current))
            .map((session) => (
              <SessionItem key={session._id} session={session} />
            ))}
        </ul>
      </DialogBody>
      {others.length > 1 && <EndOtherSessions others={others} />}
    </Dialog>
  );
}
