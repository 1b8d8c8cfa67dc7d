import { Fragment } from 'react';

const link = /(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}])/g;

/** Plain text: lines stay lines, web addresses become links, nothing else is interpreted. */
export function MessageText({ text }: { text: string }) {
  // Splitting by a pattern with one group puts the addresses at the odd places.
  const parts = text.split(link);
  return (
    <span className="whitespace-pre-wrap wrap-anywhere">
      {parts.map((part, index) => {
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text keep their places
        if (index % 2 === 0) return <Fragment key={index}>{part}</Fragment>;
        return (
          <a
            // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text keep their places
            key={index}
            href={part}
            target="_blank"
            rel="nofollow noopener noreferrer"
            className="rounded text-accent underline decoration-1 underline-offset-2 hover:text-accent-strong"
          >
            {part}
          </a>
        );
      })}
    </span>
  );
}
