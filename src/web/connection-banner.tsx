import { CloudOff } from 'lucide-react';
import { usePendingCount } from './state/live.ts';
import { counted } from './state/wording.ts';

/** Says that the connection is away, and how many messages wait for it. */
export function ConnectionBanner({ isAway }: { isAway: boolean }) {
  const waiting = usePendingCount();
  return (
    <div role="status" aria-live="polite">
      {isAway && (
        <p className="flex items-center justify-center gap-2 bg-notice px-4 py-1.5 text-sm text-notice-ink">
          <CloudOff size={15} aria-hidden className="shrink-0" />
          <span>
            No connection. Reconnecting…
            {waiting > 0 &&
              ` ${counted(waiting, 'message')} ${waiting === 1 ? 'waits' : 'wait'} to be sent.`}
          </span>
        </p>
      )}
    </div>
  );
}
