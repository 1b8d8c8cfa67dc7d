import { CloudOff, ShieldX, TriangleAlert } from 'lucide-react';
import { type ReactNode, useEffect, useState } from 'react';
import type { OperationsSnapshot } from '../../protocol/types.ts';
import { goTo } from '../browser/route.ts';
import { explain } from '../client/errors.ts';
import { timeOfSecond } from '../state/wording.ts';
import { Button } from '../ui/button.tsx';
import { MessagePage } from '../ui/message-page.tsx';
import { CachesTable } from './caches-table.tsx';
import { ChartCard } from './chart-card.tsx';
import { InstancesTable } from './instances-table.tsx';
import { OperationsHeader } from './operations-header.tsx';
import { OperationsSkeleton } from './operations-skeleton.tsx';
import { cacheChart, charts, hasCaches } from './series.ts';
import { Tiles } from './tiles.tsx';
import { combineCaches, lastMinute, timelineOf } from './timeline.ts';
import { isForbidden, useOperations } from './use-operations.ts';

/** How the server fares, live; for administrators. */
export function OperationsScreen() {
  const operations = useOperations();
  const [chosen, setChosen] = useState('');
  const [asTable, setAsTable] = useState(false);
  const { data, error } = operations;
  useEffect(() => {
    document.title = 'Operations – Parley';
    return () => {
      document.title = 'Parley';
    };
  }, []);
  const isRefused = isForbidden(error);
  const isThere = data?.instances.some(({ id, live }) => id === chosen && live) ?? false;

  return (
    <div className="flex h-dvh flex-col pt-[env(safe-area-inset-top)]">
      <OperationsHeader
        state={isRefused || data === undefined ? 'none' : error === null ? 'live' : 'stale'}
        instances={isRefused ? [] : (data?.instances ?? [])}
        chosen={isThere ? chosen : ''}
        onChoose={setChosen}
        asTable={asTable}
        onTable={setAsTable}
      />
      <main className="min-h-0 flex-1 overflow-y-auto">
        {isRefused ? (
          <NoPermission />
        ) : data !== undefined ? (
          <>
            <StaleNotice error={error} answeredAt={operations.dataUpdatedAt} />
            <Figures snapshot={data} chosen={isThere ? chosen : ''} asTable={asTable} />
          </>
        ) : error !== null ? (
          <MessagePage icon={<TriangleAlert aria-hidden />} title="The figures cannot be loaded">
            <p>{explain(error)}</p>
            <Button
              className="mt-5"
              busy={operations.isFetching}
              onClick={() => operations.refetch()}
            >
              Try again
            </Button>
          </MessagePage>
        ) : (
          <OperationsSkeleton />
        )}
      </main>
    </div>
  );
}

function NoPermission() {
  return (
    <MessagePage icon={<ShieldX aria-hidden />} title="For administrators only">
      <p>Your account may not see how the server fares.</p>
      <Button className="mt-5" onClick={() => goTo('')}>
        Back to the conversations
      </Button>
    </MessagePage>
  );
}

function StaleNotice({ error, answeredAt }: { error: unknown; answeredAt: number }): ReactNode {
  return (
    <div role="status" aria-live="polite">
      {error !== null && (
        <p className="flex items-center justify-center gap-2 bg-notice px-4 py-1.5 text-sm text-notice-ink">
          <CloudOff size={15} aria-hidden className="shrink-0" />
          {explain(error)} These are the figures of {timeOfSecond(answeredAt)}.
        </p>
      )}
    </div>
  );
}

interface FiguresProps {
  snapshot: OperationsSnapshot;
  /** "" for all instances. */
  chosen: string;
  asTable: boolean;
}

function Figures({ snapshot, chosen, asTable }: FiguresProps) {
  const { instances, every, now } = snapshot;
  const shown = instances.filter(({ id }) => chosen === '' || id === chosen);
  const timeline = timelineOf(shown, every);
  const caches = combineCaches(lastMinute(timeline).flatMap((point) => point.caches));
  if (timeline.points.every((point) => point === null)) {
    return (
      <MessagePage icon={<TriangleAlert aria-hidden />} title="No figures yet">
        <p>The server has just started. The first figures come within {every} seconds.</p>
      </MessagePage>
    );
  }
  return (
    <div className="mx-auto grid max-w-[110rem] grid-cols-[minmax(0,1fr)] gap-3 p-3 md:gap-4 md:p-5">
      <Tiles timeline={timeline} />
      <h2 className="sr-only">The last minutes</h2>
      <div className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,24rem),1fr))] gap-3 md:gap-4">
        {[...charts, ...(hasCaches(timeline) ? [cacheChart] : [])].map((spec) => (
          <ChartCard key={spec.title} spec={spec} timeline={timeline} asTable={asTable} />
        ))}
      </div>
      {caches.length > 0 && <CachesTable caches={caches} />}
      <InstancesTable instances={instances} now={Date.parse(now)} />
      {shown.length > 1 && (
        <p className="text-xs text-ink-faint">
          Of several instances, counts are added; of times and delays the worst instance’s is shown.
        </p>
      )}
    </div>
  );
}
