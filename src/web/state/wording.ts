/** How times, names and devices are worded. */

import type { Message } from '../../protocol/types.ts';
import { wordsOf } from './markdown.ts';
import { mentionsOf } from './mentions.ts';

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const secondClock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const shortWeekday = new Intl.DateTimeFormat(undefined, { weekday: 'short' });
const dayMonth = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const fullDay = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'short' });

/** Whole calendar days from that time to now. */
function daysAgo(time: string): number {
  const day = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((day(new Date()).getTime() - day(new Date(time)).getTime()) / 86_400_000);
}

/** A key that two times of one calendar day share. */
export const dayOf = (time: string): string => new Date(time).toDateString();

export const timeOfDay = (time: string): string => clock.format(new Date(time));
/** To the second; for times that are near. @param time milliseconds since 1970 */
export const timeOfSecond = (time: number): string => secondClock.format(time);
export const exactTime = (time: string): string => exact.format(new Date(time));
export const date = (time: string): string => fullDay.format(new Date(time));

/** The heading over a day's messages. */
export function dayHeading(time: string): string {
  const days = daysAgo(time);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return days < 7 ? weekday.format(new Date(time)) : fullDay.format(new Date(time));
}

/** As short as a list needs it. */
export function shortTime(time: string): string {
  const days = daysAgo(time);
  if (days <= 0) return timeOfDay(time);
  return (days < 7 ? shortWeekday : dayMonth).format(new Date(time));
}

/** "5 minutes ago", "yesterday at 14:05", "3 May". */
export function ago(time: string): string {
  const minutes = Math.floor((Date.now() - new Date(time).getTime()) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return minutes === 1 ? 'a minute ago' : `${minutes} minutes ago`;
  const days = daysAgo(time);
  if (days === 0) return `at ${timeOfDay(time)}`;
  if (days === 1) return `yesterday at ${timeOfDay(time)}`;
  return dayMonth.format(new Date(time));
}

/** "1 member", "4 members". */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** What a message without words brings. */
export function filesInWords(files: readonly { name?: string; width?: number }[]): string {
  const [first] = files;
  if (files.every(({ width }) => width !== undefined)) {
    return files.length > 1 ? counted(files.length, 'photo') : 'Photo';
  }
  return files.length > 1 ? counted(files.length, 'file') : (first?.name ?? 'File');
}

const units = ['bytes', 'KB', 'MB', 'GB'] as const;
const amount = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

/** "9 bytes", "1.4 MB". @param bytes counted by 1,024, as file managers do */
export function sizeInWords(bytes: number): string {
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(bytes || 1) / 10)));
  return `${amount.format(bytes / 1024 ** step)} ${units[step]}`;
}

/** A message in a line of its own, where it is only quoted. */
export function excerptOf(
  {
    text,
    mentions,
    deletedAt,
    attachments = [],
  }: Pick<Message, 'text' | 'mentions' | 'deletedAt' | 'attachments'>,
  nameOf: (id: string) => string,
): string {
  if (deletedAt !== undefined) return 'Message deleted';
  return text === '' ? filesInWords(attachments) : wordsOf(text, mentionsOf(mentions, nameOf, ''));
}

/** One or two letters for a picture that is not there. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const first = words[0] ?? '';
  const last = words.length > 1 ? (words.at(-1) ?? '') : '';
  return `${[...first][0] ?? '?'}${[...last][0] ?? ''}`.toUpperCase();
}

/** A colour's hue in degrees, always the same for the same id. */
export function hueOf(id: string): number {
  let sum = 7;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 9_973;
  return (sum % 12) * 30 + 15;
}

const browsers = [
  ['Edg', 'Edge'],
  ['OPR', 'Opera'],
  ['Firefox', 'Firefox'],
  ['Chrome', 'Chrome'],
  ['Safari', 'Safari'],
] as const;
const systems = [
  ['Android', 'Android'],
  ['iPhone', 'iPhone'],
  ['iPad', 'iPad'],
  ['Windows', 'Windows'],
  ['Mac OS', 'macOS'],
  ['Linux', 'Linux'],
] as const;

/** "Firefox on Linux", as far as a User-Agent header tells. */
export function deviceName(userAgent: string): string {
  const find = (table: typeof browsers | typeof systems) =>
    table.find(([mark]) => userAgent.includes(mark))?.[1];
  const browser = find(browsers);
  const system = find(systems);
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? (userAgent.slice(0, 40) || 'Unknown device');
}
