import { Suspense, use, useMemo } from 'react';
import { type Highlighter, htmlOf, isPlain, namesLanguage } from '../state/markdown.ts';

let highlighter: Promise<Highlighter | undefined> | undefined;

/** Without colours when they cannot be loaded; they are asked for again by the next page load. */
function loadHighlighter(): Promise<Highlighter | undefined> {
  highlighter ??= import('./highlight.ts').then(
    (module) => module.highlight,
    () => undefined,
  );
  return highlighter;
}

/** A message's text, with its Markdown shown as what it means. */
export function MessageText({ text }: { text: string }) {
  if (isPlain(text)) return <AsTyped text={text} />;
  if (!namesLanguage(text)) return <Markdown text={text} />;
  return (
    // Colours change no measure: nothing moves when they come.
    <Suspense fallback={<Markdown text={text} />}>
      <ColouredMarkdown text={text} />
    </Suspense>
  );
}

const AsTyped = ({ text }: { text: string }) => (
  <span className="whitespace-pre-wrap wrap-anywhere">{text}</span>
);

function ColouredMarkdown({ text }: { text: string }) {
  return <Markdown text={text} highlight={use(loadHighlighter())} />;
}

interface MarkdownProps {
  text: string;
  highlight?: Highlighter | undefined;
}

function Markdown({ text, highlight }: MarkdownProps) {
  const html = useMemo(() => htmlOf(text, highlight), [text, highlight]);
  if (html === undefined) return <AsTyped text={text} />;
  // biome-ignore lint/security/noDangerouslySetInnerHtml: made without HTML, and sanitised
  return <div className="markdown wrap-anywhere" dangerouslySetInnerHTML={{ __html: html }} />;
}
