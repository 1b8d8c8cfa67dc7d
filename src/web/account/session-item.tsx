import { useMutation } from '@tanstack/react-query';
import { MonitorSmartphone } from 'lucide-react';
import type { Session } from '../../protocol/types.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { queryClient } from '../state/queries.ts';
import { ago, deviceName, exactTime } from '../state/wording.ts';
import { Button } from '../ui/button.tsx';
import { Fault } from '../ui/fault.tsx';

/** One place where one is logged in. */
export function SessionItem({ session }: { session: Session }) {
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
          {session.current ? 'Since' : `Last used ${ago(session.lastUsedAt)}, since`}{' '}
          {exactTime(session.createdAt)}
        </p>
        {end.isError && <Fault className="mt-2">{explain(end.error)}</Fault>}
      </div>
      {session.current ? (
        <span className="shrink-0 rounded-full bg-accent-soft px-2.5 py-1 text-xs font-medium text-accent">
          This one
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
