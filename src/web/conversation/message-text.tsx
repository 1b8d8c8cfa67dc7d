import { Suspense, use, useMemo } from 'react';
import { useChat } from '../state/chat.tsx';
import { type Highlighter, htmlOf, isPlain, namesLanguage } from '../state/markdown.ts';
import { type MentionOf, mentionsOf } from '../state/mentions.ts';
import { useConversationActions } from './conversation-actions.ts';
import { nameBy } from './sender.ts';

let highlighter: Promise<Highlighter | undefined> | undefined;

/** Without colours when they cannot be loaded; they are asked for again by the next page load. */
function loadHighlighter(): Promise<Highlighter | undefined> {
  highlighter ??= import('./highlight.ts').then(
    (module) => module.highlight,
    () => undefined,
  );
  return highlighter;
}

export interface MessageTextProps {
  text: string;
  /** Whom its tokens name. */
  mentions?: readonly string[] | undefined;
}

/** A message's text, with its Markdown shown as what it means. */
export function MessageText({ text, mentions }: MessageTextProps) {
  if (isPlain(text)) return <AsTyped text={text} />;
  if (mentions === undefined) return <MarkedText text={text} />;
  return <TextWithNames text={text} mentions={mentions} />;
}

/** Names people as they are called now. */
function TextWithNames({ text, mentions }: MessageTextProps) {
  const { chat } = useChat();
  const { senderOf } = useConversationActions();
  const mentionOf = useMemo(
    () => mentionsOf(mentions, nameBy(senderOf), chat.ownId),
    [mentions, senderOf, chat.ownId],
  );
  return <MarkedText text={text} mentionOf={mentionOf} />;
}

function MarkedText(props: Omit<MarkdownProps, 'highlight'>) {
  if (!namesLanguage(props.text)) return <Markdown {...props} />;
  return (
    // Colours change no measure: nothing moves when they come.
    <Suspense fallback={<Markdown {...props} />}>
      <ColouredMarkdown {...props} />
    </Suspense>
  );
}

const AsTyped = ({ text }: { text: string }) => (
  <span className="whitespace-pre-wrap wrap-anywhere">{text}</span>
);

function ColouredMarkdown(props: Omit<MarkdownProps, 'highlight'>) {
  return <Markdown {...props} highlight={use(loadHighlighter())} />;
}

interface MarkdownProps {
  text: string;
  mentionOf?: MentionOf | undefined;
  highlight?: Highlighter | undefined;
}

function Markdown({ text, mentionOf, highlight }: MarkdownProps) {
  const html = useMemo(() => htmlOf(text, { mentionOf, highlight }), [text, mentionOf, highlight]);
  if (html === undefined) return <AsTyped text={text} />;
  // biome-ignore lint/security/noDangerouslySetInnerHtml: made without HTML, and sanitised
  return <div className="markdown wrap-anywhere" dangerouslySetInnerHTML={{ __html: html }} />;
}
