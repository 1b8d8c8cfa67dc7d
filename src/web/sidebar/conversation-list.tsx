import type { ComponentProps, ReactNode } from 'react';
import { Virtuoso } from 'react-virtuoso';
import type { ConversationRow } from '../state/conversations.ts';
import { ConversationLink } from './conversation-link.tsx';

export interface ConversationListProps {
  rows: readonly ConversationRow[];
  openId: string;
  onOpen: () => void;
  /** Below the rows. */
  footer?: ReactNode;
}

/** The rows on the screen; a thousand people are only a longer scroll bar. */
export function ConversationList({ rows, openId, onOpen, footer }: ConversationListProps) {
  return (
    <Virtuoso
      className="h-full"
      tabIndex={-1}
      data={rows}
      context={{ footer }}
      computeItemKey={(_, row) => row.id}
      increaseViewportBy={300}
      components={{ List: Rows, Item: Row, Footer: Bottom }}
      itemContent={(_, row) => (
        <ConversationLink row={row} isOpen={row.id === openId} onOpen={onOpen} />
      )}
    />
  );
}

interface Context {
  footer: ReactNode;
}

const Rows = ({ context: _, ...rest }: ComponentProps<'ul'> & { context?: Context }) => (
  <ul {...rest} />
);

type RowProps = ComponentProps<'li'> & { item: unknown; context?: Context };
const Row = ({ item: _, context: _c, ...rest }: RowProps) => <li {...rest} />;

const Bottom = ({ context }: { context?: Context }) => (
  <div className="pb-[max(0.75rem,env(safe-area-inset-bottom))]">{context?.footer}</div>
);
