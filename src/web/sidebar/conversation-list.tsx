import type { ComponentProps } from 'react';
import { Virtuoso } from 'react-virtuoso';
import type { ConversationRow } from '../state/conversations.ts';
import { ConversationLink } from './conversation-link.tsx';

export interface ConversationListProps {
  rows: readonly ConversationRow[];
  openId: string;
  onOpen: () => void;
}

/** The rows on the screen; a thousand people are only a longer scroll bar. */
export function ConversationList({ rows, openId, onOpen }: ConversationListProps) {
  return (
    <Virtuoso
      className="h-full"
      tabIndex={-1}
      data={rows}
      computeItemKey={(_, row) => row.id}
      increaseViewportBy={300}
      components={{ List: Rows, Item: Row, Footer: BottomSpace }}
      itemContent={(_, row) => (
        <ConversationLink row={row} isOpen={row.id === openId} onOpen={onOpen} />
      )}
    />
  );
}

const Rows = (props: ComponentProps<'ul'>) => <ul {...props} />;

type RowProps = ComponentProps<'li'> & { item: unknown };
const Row = ({ item: _, ...rest }: RowProps) => <li {...rest} />;

const BottomSpace = () => <div className="h-[max(0.75rem,env(safe-area-inset-bottom))]" />;
