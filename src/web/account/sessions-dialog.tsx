import { useMutation, useQuery } from '@tanstack/react-query';
import { MonitorSmartphone } from 'lucide-react';
import type { Session } from '../../protocol/types.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { queryClient } from '../state/queries.ts';
import { ago, date, deviceName } from '../state/wording.ts';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogBody } from '../ui/dialog.tsx';
import { Fault } from '../ui/fault.tsx';
import { Spinner } from '../ui/spinner.tsx';

/** Where one is logged in, and a way to end it there. */
export function SessionsDialog({ onClose }: { onClose: () => void }) {
  const { chat } = useChat();
  const sessions = useQuery({
    queryKey: ['sessions'],
    queryFn: () => chat.api.listSessions(),
    staleTime: 0,
  });
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
    </Dialog>
  );
}

function SessionItem({ session }: { session: Session }) {
  const { chat } = useChat();
  const end = useMutation({
    mutationFn: () => chat.api.revokeSession(session._id),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ['sessions'] }),
  });
  const name = deviceName(session.userAgent);
  return (
    <li className="flex items-center gap-3 py-3">
      <MonitorSmartphone size={20} aria-hidden className="shrink-0 text-ink-faint" />
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium">{name}</p>
        <p className="text-sm text-ink-soft">
          {session.current ? 'This one' : `Last used ${ago(session.lastUsedAt)}`}, since{' '}
          {date(session.createdAt)}
        </p>
        {end.isError && <Fault className="mt-2">{explain(end.error)}</Fault>}
      </div>
      {session.current ? (
        <span className="rounded-full bg-accent-soft px-2.5 py-1 text-xs font-medium text-accent">
          Current
        </span>
      ) : (
        <Button
          look="quiet"
          aria-label={`End session on ${name}`}
          busy={end.isPending}
          onClick={() => end.mutate()}
        >
          End
        </Button>
      )}
    </li>
  );
}
