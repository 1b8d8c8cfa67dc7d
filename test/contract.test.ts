/**
 * The conformance suite against a server of our own. As one file, because starting a server for
 * each of its files would take longer than its tests.
 */
import { readdirSync } from 'node:fs';

const folder = new URL('./conformance/', import.meta.url);
for (const name of readdirSync(folder).sort()) {
  if (name.endsWith('.test.ts')) await import(new URL(name, folder).href);
}
