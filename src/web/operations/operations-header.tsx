import { ArrowLeft, ChartLine, ListTree, Table2 } from 'lucide-react';
import type { OperationsInstance } from '../../protocol/types.ts';
import { goTo } from '../browser/route.ts';
import { IconButton } from '../ui/button.tsx';
import { LiveMark, type LiveState } from './live-mark.tsx';

export interface OperationsHeaderProps {
  state: LiveState;
  instances: OperationsInstance[];
  /** Id of the instance whose figures are shown; "" for all of them. */
  chosen: string;
  onChoose: (id: string) => void;
  asTable: boolean;
  onTable: (asTable: boolean) => void;
}

/** The way back, which instances are looked at, and how. */
export function OperationsHeader(props: OperationsHeaderProps) {
  const { state, instances, chosen, onChoose, asTable, onTable } = props;
  const running = instances.filter(({ live }) => live);
  return (
    <header className="flex min-h-16 shrink-0 flex-wrap items-center gap-2 border-b border-line bg-panel px-3 py-2 md:px-5">
      <IconButton label="Back to the conversations" onClick={() => goTo('')}>
        <ArrowLeft size={20} aria-hidden />
      </IconButton>
      <div className="flex min-w-0 flex-1 items-baseline gap-3">
        <h1 className="truncate text-lg font-semibold">Operations</h1>
        <LiveMark state={state} />
      </div>
      {running.length > 1 && (
        <select
          aria-label="Instances shown"
          value={chosen}
          onChange={(event) => onChoose(event.target.value)}
          className="order-last h-9 w-full min-w-0 sm:order-none sm:w-auto sm:max-w-52 rounded-lg border border-line bg-raised px-2 text-sm"
        >
          <option value="">All {running.length} instances</option>
          {running.map(({ id, host, pid }) => (
            <option key={id} value={id}>
              {host} · {pid} · {id}
            </option>
          ))}
        </select>
      )}
      <IconButton
        label={asTable ? 'Show charts' : 'Show figures as tables'}
        onClick={() => onTable(!asTable)}
      >
        {asTable ? <ChartLine size={19} aria-hidden /> : <Table2 size={19} aria-hidden />}
      </IconButton>
      <a
        href="/admin/queues"
        aria-label="Queues"
        className="inline-flex size-10 shrink-0 items-center justify-center gap-2 rounded-lg text-sm text-ink-soft transition-colors hover:bg-hover hover:text-ink md:w-auto md:px-3"
      >
        <ListTree size={19} aria-hidden />
        <span className="hidden md:inline">Queues</span>
      </a>
    </header>
  );
}
