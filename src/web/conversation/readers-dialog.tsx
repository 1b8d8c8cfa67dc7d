import { useQuery } from '@tanstack/react-query';
import type { Message } from '../../protocol/types.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { counted } from '../state/wording.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogBody } from '../ui/dialog.tsx';
import { Fault } from '../ui/fault.tsx';
import { Spinner } from '../ui/spinner.tsx';
import { useConversationActions } from './conversation-actions.ts';

/** While it is open: in groups positions are asked for, not told. */
const ASK_AGAIN_MS = 5_000;

/** Who of a group has read a message, who has only received it, and who has not yet. */
export function ReadersDialog({ message, onClose }: { message: Message; onClose: () => void }) {
  const { chat } = useChat();
  const { conversationId, senderId, seq } = message;
  const positions = useQuery({
    queryKey: ['positions', conversationId],
    queryFn: () => chat.api.listGroupPositions(conversationId),
    staleTime: 0,
    refetchInterval: ASK_AGAIN_MS,
  });
  // Who joined later and does not see it is neither.
  const others = (positions.data ?? []).filter(
    ({ userId, fromSeq }) => userId !== senderId && fromSeq < seq,
  );
  const idsOf = (wanted: 'read' | 'delivered' | 'neither') =>
    others
      .filter(({ readSeq, deliveredSeq }) => {
        const is = readSeq >= seq ? 'read' : deliveredSeq >= seq ? 'delivered' : 'neither';
        return is === wanted;
      })
      .map(({ userId }) => userId);
  const readers = idsOf('read');
  return (
    <Dialog
      title="Read by"
      description={
        positions.data
          ? `${readers.length} of ${counted(others.length, 'other member')}.`
          : 'Who has read this message.'
      }
      onClose={onClose}
    >
      <DialogBody>
        {positions.isPending && (
          <p role="status" className="flex items-center gap-2 py-6 text-ink-soft">
            <Spinner /> Loading
          </p>
        )}
        {positions.isError && !positions.data && (
          <div className="grid justify-items-start gap-3">
            <Fault>{explain(positions.error)}</Fault>
            <Button look="quiet" onClick={() => positions.refetch()}>
              Try again
            </Button>
          </div>
        )}
        <People title="Read" ids={readers} />
        <People title="Delivered" ids={idsOf('delivered')} />
        <People title="Not yet" ids={idsOf('neither')} />
      </DialogBody>
    </Dialog>
  );
}

function People({ title, ids }: { title: string; ids: string[] }) {
  const { senderOf } = useConversationActions();
  if (ids.length === 0) return null;
  return (
    <section aria-label={title} className="not-first:mt-4">
      <h3 className="text-sm font-medium text-ink-soft">{title}</h3>
      <ul>
        {ids.map((senderId) => {
          const { id, name, picture } = senderOf({ senderId });
          return (
            <li key={id} className="flex min-h-12 items-center gap-3">
              <Avatar id={id} name={name} picture={picture} size="sm" />
              <span className="truncate">{name}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
