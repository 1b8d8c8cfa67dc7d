import { useMutation } from '@tanstack/react-query';
import type { Session } from '../../protocol/types.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { queryClient } from '../state/queries.ts';
import { Button } from '../ui/button.tsx';
import { DialogActions } from '../ui/dialog.tsx';
import { Fault } from '../ui/fault.tsx';

/** Logs out everywhere but here. */
export function EndOtherSessions({ others }: { others: readonly Session[] }) {
  const { chat } = useChat();
  const end = useMutation({
    mutationFn: async () => {
      const ends = await Promise.allSettled(others.map(({ _id }) => chat.api.revokeSession(_id)));
      const failed = ends.find((one) => one.status === 'rejected');
      if (failed) throw failed.reason;
    },
    // Also after a failure: some may have ended.
    onSettled: () => queryClient.invalidateQueries({ queryKey: ['sessions'] }),
  });
  return (
    <DialogActions>
      {end.isError && <Fault className="flex-1">{explain(end.error)}</Fault>}
      <Button look="quietDanger" busy={end.isPending} onClick={() => end.mutate()}>
        End all others
      </Button>
    </DialogActions>
  );
}
