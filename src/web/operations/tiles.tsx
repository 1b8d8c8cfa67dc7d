import { clsx } from 'clsx';
import { hitRateOf, lastMinute, type Point, type Timeline } from './timeline.ts';
import { parts, type Unit, worded } from './units.ts';

interface TileProps {
  label: string;
  value: number | null;
  unit: Unit;
  /** A second figure that gives the first its measure. */
  beside?: string;
  /** Somebody should look. */
  isBad?: boolean;
}

function Tile({ label, value, unit, beside, isBad = false }: TileProps) {
  const shown = value === null ? { figure: '–', unit: '' } : parts(value, unit);
  return (
    <div className="min-w-0 bg-panel px-4 py-3">
      <dt className="truncate text-xs text-ink-soft">{label}</dt>
      <dd>
        <span
          className={clsx(
            'flex items-baseline gap-1 text-xl font-semibold tracking-tight tabular-nums',
            isBad && 'text-danger',
          )}
        >
          {shown.figure}
          {shown.unit !== '' && (
            <span className="text-sm font-normal tracking-normal text-ink-faint">{shown.unit}</span>
          )}
        </span>
        <span className="block min-h-4 truncate text-xs text-ink-faint tabular-nums">{beside}</span>
      </dd>
    </div>
  );
}

const mean = (values: number[]): number =>
  values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;

/** Share of answers with which the server failed. */
function errorRate(points: Point[]): number {
  const answers = mean(points.map(({ http, events }) => http.perSecond + events.perSecond));
  const failures = mean(points.map(({ http, events }) => http.failed + events.failed));
  return answers === 0 ? 0 : failures / answers;
}

/** What one wants to know first. */
export function Tiles({ timeline }: { timeline: Timeline }) {
  const now = timeline.points.at(-1) ?? null;
  const minute = lastMinute(timeline);
  const failed = errorRate(minute);
  const hits = hitRateOf(minute.flatMap(({ caches }) => caches));
  const cpu = now === null ? null : now.cpu;
  return (
    <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-xl border border-line bg-line sm:grid-cols-4 xl:grid-cols-8">
      <Tile
        label="Messages"
        value={now?.messages ?? null}
        unit="perSecond"
        beside={now === null ? '' : `${worded(now.pending, 'count')} not answered yet`}
      />
      <Tile
        label="Socket events, p99"
        value={now?.events.p99 ?? null}
        unit="ms"
        beside={`${worded(now?.events.perSecond, 'perSecond')}, p50 ${worded(now?.events.p50, 'ms')}`}
      />
      <Tile
        label="HTTP requests, p99"
        value={now?.http.p99 ?? null}
        unit="ms"
        beside={`${worded(now?.http.perSecond, 'perSecond')}, p50 ${worded(now?.http.p50, 'ms')}`}
      />
      <Tile
        label="Failed"
        value={failed}
        unit="share"
        beside="in the last minute"
        isBad={failed >= 0.01}
      />
      <Tile
        label="Clients"
        value={now?.connections ?? null}
        unit="count"
        beside="connected sockets"
      />
      <Tile
        label="Event loop, p99"
        value={now?.eventLoop.p99 ?? null}
        unit="ms"
        beside={`longest ${worded(now?.eventLoop.max, 'ms')}`}
        isBad={(now?.eventLoop.p99 ?? 0) >= 200}
      />
      <Tile
        label="Memory"
        value={now?.memory.rss ?? null}
        unit="bytes"
        beside={`heap ${worded(now?.memory.heapUsed, 'bytes')}`}
      />
      {hits === null ? (
        <Tile label="Processor" value={cpu} unit="share" beside="100 % is one core" />
      ) : (
        <Tile label="Cache hits" value={hits} unit="share" beside="in the last minute" />
      )}
    </dl>
  );
}
