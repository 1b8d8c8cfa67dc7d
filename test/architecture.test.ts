/** The rules of the house, read from the imports: see ARCHITECTURE.md. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

interface SourceFile {
  path: string;
  text: string;
  /** Package names, and paths of own files below src. */
  imports: string[];
}

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)/g;

const files: SourceFile[] = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(ts|tsx|mjs)$/.test(name))
  .map((name) => {
    const path = name.replaceAll('\\', '/');
    const text = readFileSync(join('src', path), 'utf8');
    const imports = [...text.matchAll(importPattern)].map((match) => {
      const target = match[1] ?? match[2] ?? '';
      return target.startsWith('.') ? normalize(join(dirname(path), target)) : target;
    });
    return { path, text, imports };
  });

const within = (folder: string) => files.filter(({ path }) => path.startsWith(folder));

/** "file -> import" for every import that breaks the rule. */
const violations = (
  some: SourceFile[],
  isForbidden: (target: string, file: SourceFile) => boolean,
) =>
  some.flatMap((file) =>
    file.imports.filter((target) => isForbidden(target, file)).map((t) => `${file.path} -> ${t}`),
  );

describe('the imports', () => {
  it('are found at all', () => {
    expect(files.length).toBeGreaterThan(50);
    const app = files.find(({ path }) => path === 'app.ts');
    expect(app?.imports).toContain('infra/bus.ts');
  });

  it('of protocol are zod and protocol only', () => {
    const rule = (target: string) => target !== 'zod' && !target.startsWith('protocol/');
    expect(violations(within('protocol/'), rule)).toEqual([]);
  });

  it('of the web client are, of our own, web and protocol only', () => {
    const own = (target: string) =>
      /^(features|transport|realtime|infra)\/|^[\w-]+\.ts$/.test(target);
    expect(violations(within('web/'), own)).toEqual([]);
  });

  it('of infra know no feature, transport or realtime', () => {
    const rule = (target: string) => /^(features|transport|realtime)\//.test(target);
    expect(violations(within('infra/'), rule)).toEqual([]);
  });

  it('of a feature reach another feature by its service, never by its store', () => {
    const rule = (target: string, { path, text }: SourceFile) => {
      const [, own] = /^features\/([^/]+)\//.exec(path) ?? [];
      const [, other] = /^features\/([^/]+)\/.*\.store\.ts$/.exec(target) ?? [];
      if (other === undefined || other === own) return false;
      // Shapes may be shared; what is imported by `import type` does nothing.
      const name = target.split('/').at(-1);
      return !new RegExp(`import type [^;]*${name?.replaceAll('.', '\\.')}'`).test(text);
    };
    expect(violations(within('features/'), rule)).toEqual([]);
  });

  it('of a service name no transport and no driver', () => {
    const services = within('features/').filter(({ path }) => path.endsWith('.service.ts'));
    expect(services.length).toBeGreaterThan(5);
    const rule = (target: string) =>
      ['express', 'socket.io', 'ioredis', 'mongoose', 'mongodb', 'bull'].includes(target);
    expect(violations(services, rule)).toEqual([]);
  });
});

describe('the sources', () => {
  const containing = (pattern: RegExp, allowed: RegExp) =>
    files.filter(({ path, text }) => pattern.test(text) && !allowed.test(path)).map((f) => f.path);

  it('read the environment in config.ts only', () => {
    expect(containing(/process\.env\b/, /^config\.ts$/)).toEqual([]);
  });

  it('emit to rooms in fanout.ts only', () => {
    expect(containing(/\bio\b[\w.()\s]*\.(to|except|emit)\(/, /^realtime\/fanout\.ts$/)).toEqual(
      [],
    );
  });
});
