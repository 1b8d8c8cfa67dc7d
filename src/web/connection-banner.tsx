import { CloudOff } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useConnectionStatus, usePendingCount } from './state/live.ts';
import { counted } from './state/wording.ts';

/** A hiccup shorter than this need not worry anybody. */
const PATIENCE = 1_000;

/** Says that the connection is away, and how many messages wait for it. */
export function ConnectionBanner() {
  const status = useConnectionStatus();
  return (
    <div role="status" aria-live="polite">
      {(status === 'connecting' || status === 'offline') && <Reconnecting />}
    </div>
  );
}

function Reconnecting() {
  const [isLong, setIsLong] = useState(false);
  const waiting = usePendingCount();
  useEffect(() => {
    const timer = setTimeout(() => setIsLong(true), PATIENCE);
    return () => clearTimeout(timer);
  }, []);
  if (!isLong) return null;
  return (
    <p className="flex items-center justify-center gap-2 bg-notice px-4 py-1.5 text-sm text-notice-ink">
      <CloudOff size={15} aria-hidden className="shrink-0" />
      <span>
        No connection. Reconnecting…
        {waiting > 0 &&
          ` ${counted(waiting, 'message')} ${waiting === 1 ? 'waits' : 'wait'} to be sent.`}
      </span>
    </p>
  );
}
