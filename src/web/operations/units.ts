/** How figures are worded. */

export type Unit = 'count' | 'perSecond' | 'ms' | 'bytes' | 'share';

const plain = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(undefined, {
  notation: 'compact',
  maximumSignificantDigits: 3,
});
const precise = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

const number = (value: number): string =>
  Math.abs(value) >= 10_000
    ? compact.format(value)
    : Math.abs(value) >= 100
      ? plain.format(value)
      : precise.format(Math.round(value * 100) / 100);

const sizes = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** A figure and what it is counted in, apart: the one is shown larger. */
export function parts(value: number, unit: Unit): { figure: string; unit: string } {
  if (unit === 'share') return { figure: number(value * 100), unit: '%' };
  if (unit === 'perSecond') return { figure: number(value), unit: '/s' };
  if (unit === 'ms') {
    return value >= 1_000
      ? { figure: number(value / 1_000), unit: 's' }
      : { figure: number(value), unit: 'ms' };
  }
  if (unit === 'bytes') {
    const size = value < 1 ? 0 : Math.min(Math.floor(Math.log2(value) / 10), sizes.length - 1);
    return { figure: number(value / 1_024 ** size), unit: sizes[size] ?? 'B' };
  }
  return { figure: number(value), unit: '' };
}

/** "12.5 ms", "40/s", "98 %"; "–" where nothing is known. */
export function worded(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined) return '–';
  const { figure, unit: word } = parts(value, unit);
  return word === '' || word === '/s' ? `${figure}${word}` : `${figure}\u00A0${word}`;
}

/** "3 d 4 h", "5 h 12 min", "40 s". */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}
