import { CloudOff, UserPlus } from 'lucide-react';
import { useState } from 'react';
import { Button } from '../ui/button.tsx';
import { MessagePage } from '../ui/message-page.tsx';

/** Nobody else has an account here yet. */
export function NobodyYet({ onRetry }: { onRetry: () => unknown }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(location.origin);
    setCopied(true);
  };
  return (
    <MessagePage icon={<UserPlus aria-hidden />} title="You are the first one here">
      <p>Share this address. Whoever signs up there appears here at once.</p>
      <p className="mt-3 rounded-lg border border-line bg-canvas px-3 py-2 text-sm break-all text-ink select-all">
        {location.origin}
      </p>
      {/^(localhost|127\.|\[::1\])/.test(location.hostname) && (
        <p className="mt-2 text-sm">
          It opens on this computer only. To let others in, start the server with HOST=0.0.0.0 and
          share this computer’s own address.
        </p>
      )}
      <div className="mt-3 flex justify-center gap-2">
        {/* Without https a page may not write to the clipboard. */}
        {window.isSecureContext && (
          <Button onClick={copy}>{copied ? 'Copied' : 'Copy address'}</Button>
        )}
        <Button look="quiet" onClick={onRetry}>
          Look again
        </Button>
      </div>
    </MessagePage>
  );
}

export function PeopleFailed({ onRetry }: { onRetry: () => unknown }) {
  return (
    <MessagePage icon={<CloudOff aria-hidden />} title="The list could not be loaded">
      <p>Check the connection, then try again.</p>
      <Button className="mt-4" onClick={onRetry}>
        Try again
      </Button>
    </MessagePage>
  );
}
