import type { CacheSample } from '../../protocol/types.ts';
import { worded } from './units.ts';

/** Each tier of each cache during the last minute. */
export function CachesTable({ caches }: { caches: CacheSample[] }) {
  return (
    <section aria-labelledby="caches" className="rounded-xl border border-line bg-panel pb-1">
      <h2 id="caches" className="px-4 pt-3 pb-1.5 text-sm font-semibold">
        Caches <span className="text-xs font-normal text-ink-faint">last minute</span>
      </h2>
      <table className="w-full text-sm">
        <thead>
          <tr className="text-xs text-ink-faint">
            <th scope="col" className="px-4 py-1.5 text-left font-normal">
              Cache
            </th>
            <th scope="col" className="px-4 py-1.5 text-left font-normal">
              Tier
            </th>
            <th scope="col" className="px-4 py-1.5 text-right font-normal">
              Look-ups
            </th>
            <th scope="col" className="px-4 py-1.5 text-right font-normal">
              Hits
            </th>
          </tr>
        </thead>
        <tbody className="tabular-nums">
          {caches.map(({ cache, tier, hits, misses }) => (
            <tr key={`${cache}/${tier}`} className="border-t border-line">
              <th scope="row" className="px-4 py-2 text-left font-normal">
                {cache}
              </th>
              <td className="px-4 py-2 text-ink-soft">{tier}</td>
              <td className="px-4 py-2 text-right">{worded(hits + misses, 'count')}</td>
              <td className="px-4 py-2 text-right">
                {worded(hits + misses === 0 ? null : hits / (hits + misses), 'share')}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
