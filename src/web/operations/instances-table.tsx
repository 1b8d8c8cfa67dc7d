import { clsx } from 'clsx';
import type { OperationsInstance } from '../../protocol/types.ts';
import { duration, worded } from './units.ts';

type Level = 'good' | 'warning' | 'bad' | 'none';

/** A word with a dot of its colour: the word alone says it all. */
function State({ level, children }: { level: Level; children: string }) {
  return (
    <span className="inline-flex items-center gap-1.5 whitespace-nowrap">
      <span
        aria-hidden
        className={clsx('size-2 rounded-full', {
          'bg-online': level === 'good',
          'bg-series-2': level === 'warning',
          'bg-danger': level === 'bad',
          'bg-line-strong': level === 'none',
        })}
      />
      <span className={clsx(level === 'bad' && 'font-medium text-danger')}>{children}</span>
    </span>
  );
}

const redisStates = {
  up: { level: 'good', word: 'up' },
  down: { level: 'bad', word: 'away' },
  off: { level: 'none', word: 'off' },
} as const;

const columns = [
  'Instance',
  'State',
  'Up for',
  'MongoDB',
  'Redis',
  'Clients',
  'Messages',
  'Events p99',
  'HTTP p99',
  'Loop p99',
  'CPU',
  'Memory',
];

export interface InstancesTableProps {
  instances: OperationsInstance[];
  /** Milliseconds since 1970, by the server's clock. */
  now: number;
}

/** Every instance, those that stopped lately included. */
export function InstancesTable({ instances, now }: InstancesTableProps) {
  return (
    <section aria-labelledby="instances" className="rounded-xl border border-line bg-panel">
      <h2 id="instances" className="px-4 pt-3 pb-1.5 text-sm font-semibold">
        Instances
      </h2>
      {/* Scrolled by its own bar where it is wider than the page, and by the keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: else the keyboard cannot scroll it */}
      <section className="overflow-x-auto" aria-labelledby="instances" tabIndex={0}>
        <table className="w-full text-sm whitespace-nowrap">
          <thead>
            <tr className="text-xs text-ink-faint">
              {columns.map((name, index) => (
                <th
                  key={name}
                  scope="col"
                  className={clsx(
                    'px-4 py-1.5 font-normal',
                    index < 5 ? 'text-left' : 'text-right',
                  )}
                >
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {instances.map((one) => (
              <Row key={one.id} instance={one} now={now} />
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

function Row({ instance, now }: { instance: OperationsInstance; now: number }) {
  const { id, host, pid, live, samples, startedAt } = instance;
  const last = samples.at(-1);
  const current = live ? last : undefined;
  const redis = current === undefined ? undefined : redisStates[current.redis];
  const figures = [
    worded(current?.connections, 'count'),
    worded(current?.messages, 'perSecond'),
    worded(current?.events.p99, 'ms'),
    worded(current?.http.p99, 'ms'),
    worded(current?.eventLoop.p99, 'ms'),
    worded(current?.cpu, 'share'),
    worded(current?.memory.rss, 'bytes'),
  ];
  const age = now - Date.parse(live || last === undefined ? startedAt : last.at);
  return (
    <tr className={clsx('border-t border-line', !live && 'text-ink-faint')}>
      <th scope="row" className="px-4 py-2 text-left font-normal">
        <span className="font-medium">{host}</span>{' '}
        <span className="text-xs text-ink-faint">
          {pid} · {id}
        </span>
      </th>
      <td className="px-4 py-2">
        <State level={live ? 'good' : 'none'}>{live ? 'running' : 'gone'}</State>
      </td>
      <td className="px-4 py-2 text-ink-soft tabular-nums">
        {live ? duration(age) : `left ${duration(age)} ago`}
      </td>
      <td className="px-4 py-2">
        {current === undefined ? (
          '–'
        ) : (
          <State level={current.mongodb.status === 'up' ? 'good' : 'bad'}>
            {current.mongodb.status === 'up' ? 'up' : 'away'}
          </State>
        )}
      </td>
      <td className="px-4 py-2">
        {redis === undefined ? '–' : <State level={redis.level}>{redis.word}</State>}
      </td>
      {figures.map((figure, index) => (
        <td key={columns[index + 5]} className="px-4 py-2 text-right tabular-nums">
          {figure}
        </td>
      ))}
    </tr>
  );
}
