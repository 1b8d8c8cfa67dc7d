import { CircleAlert, Clock, RotateCw, Trash2 } from 'lucide-react';
import { useMemo } from 'react';
import { namedIn } from '../../protocol/mentions.ts';
import type { OutboxEntry } from '../client/outbox.ts';
import { useChat } from '../state/chat.tsx';
import { timeOfDay } from '../state/wording.ts';
import { BubbleFrame } from './bubble.tsx';
import { outgoingFilesOf } from './shown-file.ts';
import { UploadProgress } from './upload-progress.tsx';

/** A message that the server does not have yet, or refused. */
export function OutgoingBubble({ entry, endsGroup }: { entry: OutboxEntry; endsGroup: boolean }) {
  const { outbox } = useChat().chat;
  const { text, recipient } = entry;
  // Which of them are, the server will say.
  const mentions = useMemo(
    () => ('groupId' in recipient ? namedIn(text) : undefined),
    [recipient, text],
  );
  const isFailed = entry.state === 'failed';
  return (
    <>
      <BubbleFrame
        isOwn
        endsGroup={endsGroup}
        author="You"
        id={entry.clientId}
        text={text}
        mentions={mentions}
        isFailed={isFailed}
        replyTo={entry.replyTo}
        files={outgoingFilesOf(entry.files ?? [])}
        status={timeOfDay(entry.createdAt)}
        mark={
          isFailed ? (
            <CircleAlert size={13} role="img" aria-label="Not sent" className="text-danger" />
          ) : (
            <Clock size={13} role="img" aria-label="Sending" />
          )
        }
      />
      {!isFailed && <UploadProgress entry={entry} />}
      {isFailed && (
        <div className="mt-1.5 flex flex-wrap items-center justify-end gap-x-3 gap-y-1 text-sm text-danger">
          <span role="alert">Not sent: {entry.reason}</span>
          <Action onClick={() => outbox.retry(entry.clientId)}>
            <RotateCw size={14} aria-hidden /> Retry
          </Action>
          <Action onClick={() => outbox.remove(entry.clientId)}>
            <Trash2 size={14} aria-hidden /> Discard
          </Action>
        </div>
      )}
    </>
  );
}

function Action({ onClick, children }: { onClick: () => void; children: React.ReactNode }) {
  return (
    <button
      type="button"
      className="flex items-center gap-1 rounded font-medium underline-offset-4 hover:underline"
      onClick={onClick}
    >
      {children}
    </button>
  );
}
