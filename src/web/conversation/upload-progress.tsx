import { X } from 'lucide-react';
import type { OutboxEntry } from '../client/outbox.ts';
import { useChat } from '../state/chat.tsx';
import { useUploaded } from '../state/live.ts';
import { sizeInWords } from '../state/wording.ts';

/** How much of a message's files has left, and the way to give it up. */
export function UploadProgress({ entry: { clientId } }: { entry: OutboxEntry }) {
  const { outbox } = useChat().chat;
  const progress = useUploaded(clientId);
  if (!progress) return null;
  const { sent, total } = progress;
  const percent = total === 0 ? 0 : Math.floor((sent / total) * 100);
  return (
    <div className="mt-1.5 flex items-center justify-end gap-2 text-sm text-ink-soft">
      <progress
        className="upload-progress h-1.5 w-32 overflow-hidden rounded-full"
        aria-label="Uploading"
        max={100}
        value={percent}
      />
      <span className="tabular-nums">
        {percent} % of {sizeInWords(total)}
      </span>
      <button
        type="button"
        className="flex items-center gap-1 rounded font-medium text-ink underline-offset-4 hover:underline"
        onClick={() => outbox.remove(clientId)}
      >
        <X size={14} aria-hidden /> Cancel
      </button>
    </div>
  );
}
