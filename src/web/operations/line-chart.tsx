import { clsx } from 'clsx';
import { type PointerEvent, useState } from 'react';
import { timeOfSecond } from '../state/wording.ts';
import { linePath, ticksOver } from './scale.ts';
import type { ChartSpec, Line } from './series.ts';
import type { Timeline } from './timeline.ts';
import { worded } from './units.ts';
import { useWidth } from './use-width.ts';

const HEIGHT = 150;
const TOP = 8;
const BOTTOM = 20;
const LEFT = 52;
const RIGHT = 6;
const PLOT = HEIGHT - TOP - BOTTOM;
const strokes: Record<Line['look'], string> = {
  first: 'stroke-series-1',
  second: 'stroke-series-2',
  third: 'stroke-series-3',
  danger: 'stroke-danger',
};
const dots: Record<Line['look'], string> = {
  first: 'bg-series-1',
  second: 'bg-series-2',
  third: 'bg-series-3',
  danger: 'bg-danger',
};

/** A short piece of the line, as the legend shows it. */
export const LineMark = ({ look }: { look: Line['look'] }) => (
  <span aria-hidden className={clsx('h-0.5 w-3 shrink-0 rounded-full', dots[look])} />
);

export interface LineChartProps {
  spec: ChartSpec;
  timeline: Timeline;
}

/** Lines over the last minutes. What they show is also in words, for who does not see them. */
export function LineChart({ spec, timeline }: LineChartProps) {
  const [frame, width] = useWidth<HTMLDivElement>();
  const [pointed, setPointed] = useState<number | null>(null);
  const { times, points } = timeline;
  const lines = spec.lines.map((line) => ({
    ...line,
    values: points.map((point) => (point === null ? null : line.of(point))),
  }));
  const most = Math.max(0, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const ticks = ticksOver(most, spec.unit);
  const top = ticks.at(-1) ?? 1;
  const span = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 60_000;
  const plotWidth = Math.max(1, width - LEFT - RIGHT);
  const x = (index: number): number => LEFT + (index / Math.max(1, times.length - 1)) * plotWidth;
  const y = (value: number): number => TOP + PLOT * (1 - value / top);

  const point = (event: PointerEvent<SVGSVGElement>): void => {
    const at = event.clientX - event.currentTarget.getBoundingClientRect().left - LEFT;
    const index = Math.round((at / plotWidth) * (times.length - 1));
    setPointed(Math.max(0, Math.min(times.length - 1, index)));
  };

  return (
    <div ref={frame} className="relative h-[150px]">
      {width > 0 && (
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={inWords(spec, lines)}
          className="block touch-pan-y"
          onPointerMove={point}
          onPointerLeave={() => setPointed(null)}
        >
          {ticks.map((tick) => (
            <g key={tick}>
              <line
                x1={LEFT}
                x2={width - RIGHT}
                y1={y(tick)}
                y2={y(tick)}
                className="stroke-line"
              />
              <text
                x={LEFT - 8}
                y={y(tick)}
                dy="0.32em"
                textAnchor="end"
                className="fill-ink-faint text-[11px] tabular-nums"
              >
                {worded(tick, spec.unit)}
              </text>
            </g>
          ))}
          {minuteMarks(span).map((minutes) => (
            <text
              key={minutes}
              x={LEFT + plotWidth * (1 - minutes / span)}
              y={HEIGHT - 4}
              textAnchor={minutes / span > 0.9 ? 'start' : minutes === 0 ? 'end' : 'middle'}
              className="fill-ink-faint text-[11px]"
            >
              {minutes === 0 ? 'now' : `${minutes} min ago`}
            </text>
          ))}
          {pointed !== null && (
            <line
              x1={x(pointed)}
              x2={x(pointed)}
              y1={TOP}
              y2={TOP + PLOT}
              className="stroke-line-strong"
            />
          )}
          {/* The first line lies over the others. */}
          {lines.toReversed().map(({ name, look, values }) => (
            <path
              key={name}
              d={linePath(
                values.map((value, index) =>
                  value === null ? null : { x: x(index), y: y(value) },
                ),
              )}
              fill="none"
              strokeWidth={1.5}
              strokeLinecap="round"
              strokeLinejoin="round"
              className={strokes[look]}
            />
          ))}
        </svg>
      )}
      {pointed !== null && (
        <div
          aria-hidden
          className="pointer-events-none absolute top-1 z-10 rounded-lg border border-line bg-raised px-2.5 py-1.5 text-xs whitespace-nowrap shadow-float"
          style={
            x(pointed) > width / 2 ? { right: width - x(pointed) + 8 } : { left: x(pointed) + 8 }
          }
        >
          <p className="mb-1 text-ink-faint tabular-nums">{timeOfSecond(times[pointed] ?? 0)}</p>
          {lines.map(({ name, look, values }) => (
            <p key={name} className="flex items-center gap-2">
              <LineMark look={look} />
              <span className="flex-1 text-ink-soft">{name}</span>
              <span className="pl-3 font-medium tabular-nums">
                {worded(values[pointed], spec.unit)}
              </span>
            </p>
          ))}
        </div>
      )}
    </div>
  );
}

/** Where the axis of time is marked, in minutes ago. */
function minuteMarks(span: number): number[] {
  const step = span > 6 ? 5 : span > 4 ? 2 : 1;
  return Array.from({ length: Math.floor(span / step + 1e-9) + 1 }, (_, index) => index * step);
}

function inWords(
  { title, unit }: ChartSpec,
  lines: { name: string; values: (number | null)[] }[],
): string {
  const sentences = lines.map(({ name, values }) => {
    const known = values.filter((value) => value !== null);
    if (known.length === 0) return `${name}: nothing yet`;
    return `${name}: ${worded(known.at(-1), unit)} now, at most ${worded(Math.max(...known), unit)}`;
  });
  return `${title} over the last minutes. ${sentences.join('. ')}.`;
}
