import { clsx } from 'clsx';
import type { ReactNode } from 'react';
import type { Message, ReplyReference } from '../../protocol/types.ts';
import { exactTime, timeOfDay } from '../state/wording.ts';
import { FileList } from './file-list.tsx';
import { MessageMenu } from './message-menu.tsx';
import { MessageText } from './message-text.tsx';
import { Pictures, picturesBox } from './pictures.tsx';
import { Quote } from './quote.tsx';
import { Reactions } from './reactions.tsx';
import { SentMark } from './sent-mark.tsx';
import { filesOf, type ShownFiles } from './shown-file.ts';

export interface BubbleProps {
  message: Message;
  isOwn: boolean;
  endsGroup: boolean;
  /** Named for screen readers where the sight does not tell. */
  author?: string;
}

/** A stored message. */
export function Bubble({ message, isOwn, endsGroup, author }: BubbleProps) {
  const isDeleted = message.deletedAt !== undefined;
  return (
    <BubbleFrame
      isOwn={isOwn}
      endsGroup={endsGroup}
      id={message.clientId}
      replyTo={message.replyTo}
      actions={!isDeleted && <MessageMenu message={message} isOwn={isOwn} />}
      below={<Reactions message={message} isOwn={isOwn} />}
      text={isDeleted ? 'Message deleted' : message.text}
      mentions={message.mentions}
      isDeleted={isDeleted}
      author={author ?? (isOwn ? 'You' : '')}
      files={filesOf(message.attachments ?? [])}
      status={
        <>
          {message.editedAt !== undefined && !isDeleted && (
            <span title={exactTime(message.editedAt)}>edited</span>
          )}
          <time dateTime={message.createdAt} title={exactTime(message.createdAt)}>
            {timeOfDay(message.createdAt)}
          </time>
        </>
      }
      mark={isOwn && <SentMark message={message} />}
    />
  );
}

export interface BubbleFrameProps {
  /** The message's, the same before and after it is sent. */
  id: string;
  isOwn: boolean;
  endsGroup: boolean;
  author: string;
  text: string;
  files: ShownFiles;
  /** Whom the text names. */
  mentions?: readonly string[] | undefined;
  replyTo?: ReplyReference | undefined;
  status: ReactNode;
  mark?: ReactNode;
  /** Beside it. */
  actions?: ReactNode;
  /** Under it, lapping over its edge. */
  below?: ReactNode;
  isFailed?: boolean;
  /** The words are ours, not the sender's. */
  isDeleted?: boolean;
}

/**
 * The shape of a message. Its time lies on a picture without words, where that is large enough;
 * else it stands at the end of the last line where there is room.
 */
export function BubbleFrame(props: BubbleFrameProps) {
  const { id, isOwn, endsGroup, author, text, mentions, files, replyTo, status, mark } = props;
  const { actions, below, isFailed = false, isDeleted = false } = props;
  const { pictures, others } = files;
  const box = picturesBox(pictures);
  const carriesTime = text === '' && others.length === 0 && box?.carriesTime;
  return (
    <>
      <div className={clsx('group/message flex items-center gap-1', isOwn && 'flex-row-reverse')}>
        <div
          className={clsx(
            'relative max-w-[min(85%,34rem)] rounded-2xl shadow-card',
            // Words under a tiny picture, and a quote above few words, still have room.
            replyTo || (box && text !== '') ? 'min-w-48' : 'min-w-0',
            others.length > 0 && 'w-80',
            isOwn ? 'bg-own' : 'border border-line bg-raised',
            isFailed && 'border border-danger',
            endsGroup && (isOwn ? 'rounded-br-md' : 'rounded-bl-md'),
          )}
        >
          {author !== '' && <span className="sr-only">{author}: </span>}
          {replyTo && (
            <div className="w-0 min-w-full px-1.5 pt-1.5">
              <Quote reply={replyTo} isOwn={isOwn} />
            </div>
          )}
          {box && (
            <div className="p-1">
              <Pictures messageId={id} pictures={pictures} />
            </div>
          )}
          {others.length > 0 && <FileList files={others} />}
          {carriesTime ? (
            <span className="pointer-events-none absolute right-3 bottom-3 flex items-center gap-1 rounded-full bg-black/60 px-2 py-0.5 text-xs whitespace-nowrap text-white tabular-nums [--read:oklch(0.83_0.12_225)] [&_svg:not(.text-read)]:text-white">
              {status}
              {mark}
            </span>
          ) : (
            <div
              className={clsx(
                'flow-root px-3.5 pb-1.5',
                text !== '' && 'pt-1.5',
                // Without a width of its own: the words go as far as the picture.
                box && 'w-0 min-w-full',
              )}
            >
              {text !== '' &&
                (isDeleted ? (
                  <em className={isOwn ? 'text-own-faint' : 'text-ink-faint'}>{text}</em>
                ) : (
                  <MessageText text={text} mentions={mentions} />
                ))}
              <span
                className={clsx(
                  'float-right ml-3 flex items-center gap-1 text-xs whitespace-nowrap tabular-nums',
                  text !== '' && 'mt-1.5',
                  isOwn ? 'text-own-faint' : 'text-ink-faint',
                )}
              >
                {status}
                {mark}
              </span>
            </div>
          )}
        </div>
        {actions}
      </div>
      {below}
    </>
  );
}
