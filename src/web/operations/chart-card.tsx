import { timeOfSecond } from '../state/wording.ts';
import { LineChart, LineMark } from './line-chart.tsx';
import type { ChartSpec } from './series.ts';
import type { Timeline } from './timeline.ts';
import { worded } from './units.ts';

export interface ChartCardProps {
  spec: ChartSpec;
  timeline: Timeline;
  /** Figures instead of lines. */
  asTable: boolean;
}

/** One chart with its heading and what its lines are at the moment. */
export function ChartCard({ spec, timeline, asTable }: ChartCardProps) {
  const now = timeline.points.at(-1) ?? null;
  return (
    <section className="min-w-0 rounded-xl border border-line bg-panel p-3.5 pb-2.5">
      <h3 className="flex items-baseline gap-2 text-sm font-semibold">
        {spec.title}
        {spec.hint && (
          <span className="truncate text-xs font-normal text-ink-faint">{spec.hint}</span>
        )}
      </h3>
      {asTable ? (
        <ChartTable spec={spec} timeline={timeline} />
      ) : (
        <>
          <dl className="mt-1 mb-1.5 flex flex-wrap gap-x-4 gap-y-0.5 text-xs">
            {spec.lines.map(({ name, look, of }) => (
              <div key={name} className="flex items-center gap-1.5">
                <LineMark look={look} />
                <dt className="text-ink-soft">{name}</dt>
                <dd className="font-medium tabular-nums">
                  {worded(now === null ? null : of(now), spec.unit)}
                </dd>
              </div>
            ))}
          </dl>
          <LineChart spec={spec} timeline={timeline} />
        </>
      )}
    </section>
  );
}

/** The same minute by minute, the newest first. */
function ChartTable({ spec, timeline }: Omit<ChartCardProps, 'asTable'>) {
  const { times, points } = timeline;
  const step = (times[1] ?? 0) - (times[0] ?? 0);
  const perMinute = Math.max(1, Math.round(60_000 / step));
  const rows = times
    .map((time, index) => ({ time, point: points[index] ?? null, index }))
    .filter(({ index, point }) => (times.length - 1 - index) % perMinute === 0 && point !== null)
    .reverse();
  return (
    <table className="mt-1.5 w-full text-xs">
      <thead>
        <tr className="text-left text-ink-faint">
          <th scope="col" className="py-1 font-normal">
            Time
          </th>
          {spec.lines.map(({ name }) => (
            <th key={name} scope="col" className="py-1 pl-3 text-right font-normal">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody className="tabular-nums">
        {rows.map(({ time, point }) => (
          <tr key={time} className="border-t border-line">
            <th scope="row" className="py-1 text-left font-normal text-ink-soft">
              {timeOfSecond(time)}
            </th>
            {spec.lines.map(({ name, of }) => (
              <td key={name} className="py-1 pl-3 text-right">
                {worded(point === null ? null : of(point), spec.unit)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
