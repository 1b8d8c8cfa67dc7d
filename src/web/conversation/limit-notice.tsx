import { Hourglass } from 'lucide-react';
import { useLimitedUntil, usePendingCount } from '../state/live.ts';
import { counted, timeOfSecond } from '../state/wording.ts';

/** Says that the server takes no more messages for a moment, and that nothing is lost. */
export function LimitNotice() {
  const until = useLimitedUntil();
  const waiting = usePendingCount();
  const isShown = until > 0 && waiting > 0;
  return (
    <div role="status" aria-live="polite">
      {isShown && (
        <p className="mb-2 flex items-start gap-2 rounded-lg bg-notice px-3 py-2 text-sm text-notice-ink">
          <Hourglass size={16} aria-hidden className="mt-px shrink-0" />
          <span>
            You are sending messages too fast. {counted(waiting, 'message')}{' '}
            {waiting === 1 ? 'waits' : 'wait'} and will be sent at {timeOfSecond(until)}.
          </span>
        </p>
      )}
    </div>
  );
}
