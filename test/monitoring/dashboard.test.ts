/** The dashboard and the alerts in deploy/ ask for what a running server really exports. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { collectProcessMetrics } from '../../src/infra/metrics.ts';
import { call, connect, emit, eventually, send, signUp } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** What Prometheus itself knows of each target. */
const ofPrometheus = ['job', 'instance'];

interface Panel {
  id: number;
  title: string;
  type: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string; legendFormat: string }[];
}
interface Dashboard {
  panels: Panel[];
  annotations: { list: { expr: string }[] };
  templating: { list: { name: string; definition?: string }[] };
}
interface Alerts {
  groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[];
}

const dashboard = JSON.parse(readFileSync('deploy/grafana/parley.json', 'utf8')) as Dashboard;
const alerts = parse(readFileSync('deploy/prometheus/alerts.yml', 'utf8')) as Alerts;
const rules = alerts.groups.flatMap((group) => group.rules);

/** Every expression, under the name of where it stands. */
const expressions: { where: string; expr: string; text: string }[] = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({ where: title, expr, text: legendFormat })),
  ),
  ...dashboard.annotations.list.map(({ expr }) => ({ where: 'annotation', expr, text: '' })),
  ...dashboard.templating.list.flatMap(({ name, definition }) => {
    const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(definition ?? '') ?? [];
    return metric === undefined
      ? []
      : [{ where: `variable ${name}`, expr: `count by (${label}) (${metric})`, text: '' }];
  }),
  ...rules.map(({ alert, expr, annotations }) => ({
    where: alert,
    expr,
    text: Object.values(annotations).join(' ').replaceAll('$labels.', ''),
  })),
];

const notMetrics = new Set(
  'by without on ignoring group_left group_right and or unless bool offset'.split(' '),
);

/** The metrics of an expression with the labels they are chosen by, and what it groups by. */
function read(expr: string) {
  const grouping = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
  const grouped = [...expr.matchAll(grouping)]
    .flatMap(([, names = '']) => names.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const rest = expr.replaceAll(grouping, ' ').replaceAll(/\[[^\]]*\]/g, ' ');
  const selectors = [...rest.matchAll(/([a-z_:][\w:]*)\s*(\{[^}]*\})?(?!\w*\s*\()/g)].filter(
    ([, name = '']) => !notMetrics.has(name),
  );
  const outside = rest.replaceAll(/\{[^}]*\}/g, '{}');
  const metrics = selectors
    .filter(([, name = '']) => new RegExp(`\\b${name}\\b(?!\\s*\\()`).test(outside))
    .map(([, name = '', braces = '']) => ({
      name,
      matchers: [...braces.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(
        ([, label = '', operator = '', value = '']) => ({ label, operator, value }),
      ),
    }));
  return { metrics, grouped };
}

describe('the expressions of the dashboard and the alerts', () => {
  let server: TestServer;
  /** Metric -> label -> values. */
  const exported = new Map<string, Map<string, Set<string>>>();

  beforeAll(async () => {
    server = await startTestServer({ overrides: { processMetrics: collectProcessMetrics() } });
    const { url } = server;
    const [ann, ben] = [await signUp(url), await signUp(url)];
    const socket = await connect(url, ann);
    await send(socket, { to: ben.id }, 'counted');
    await emit(socket, 'sendMessage', { to: ben.id, text: '', clientId: 'refused-one' });
    socket.disconnect();
    // What is counted of garbage collections appears with the first one.
    const page = await eventually(async () => {
      const { body } = await call<string>(url, 'GET', '/metrics');
      if (!body.includes('nodejs_gc_duration_seconds_sum')) throw new Error('none yet');
      return body;
    });
    for (const line of page.split('\n')) {
      const [, name, braces = ''] = /^([a-z_]\w*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
      if (name === undefined) continue;
      const labels = exported.get(name) ?? new Map<string, Set<string>>();
      for (const [, label = '', value = ''] of braces.matchAll(/(\w+)="([^"]*)"/g)) {
        labels.set(label, (labels.get(label) ?? new Set()).add(value));
      }
      exported.set(name, labels);
    }
  });
  afterAll(() => server.close());

  /** undefined: nobody exports it. */
  function labelsOf(name: string): string[] | undefined {
    if (name === 'up') return ofPrometheus;
    const found = exported.get(name);
    return found && [...found.keys(), ...ofPrometheus];
  }

  it('are read as they are meant', () => {
    expect(
      read(
        'sum by (le, a) (rate(x_bucket{b="1",c=~"$d"}[5m])) / on () group_left () count(y) > 0.5',
      ),
    ).toEqual({
      metrics: [
        {
          name: 'x_bucket',
          matchers: [
            { label: 'b', operator: '=', value: '1' },
            { label: 'c', operator: '=~', value: '$d' },
          ],
        },
        { name: 'y', matchers: [] },
      ],
      grouped: ['le', 'a'],
    });
    expect(expressions.length).toBeGreaterThan(50);
    for (const { expr } of expressions) expect(read(expr).metrics.length).toBeGreaterThan(0);
  });

  it.each(expressions)('$where: $expr', ({ expr, text }) => {
    const { metrics, grouped } = read(expr);
    const known = new Set<string>();
    for (const { name, matchers } of metrics) {
      const labels = labelsOf(name);
      expect(labels, `${name} is not exported`).toBeDefined();
      for (const label of labels ?? []) known.add(label);
      for (const { label, operator, value } of matchers) {
        expect(labels, `${name} has no label ${label}`).toContain(label);
        const values = exported.get(name)?.get(label);
        if (operator === '=' && values !== undefined) {
          expect([...values], `${name} has no ${label}="${value}"`).toContain(value);
        }
      }
    }
    const shown = [...text.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, label = '']) => label);
    for (const label of [...grouped, ...shown]) {
      expect([...known], `no metric here has the label ${label}`).toContain(label);
    }
    for (const [open, close] of ['()', '{}', '[]']) {
      expect(expr.split(open ?? '').length).toBe(expr.split(close ?? '').length);
    }
  });
});

describe('the dashboard', () => {
  it('has panels that are told apart and do not overlap', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const taken = new Set<string>();
    for (const { gridPos, title } of dashboard.panels) {
      const { x, y, w, h } = gridPos;
      expect(x + w, title).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          expect(taken.has(`${column}/${line}`), title).toBe(false);
          taken.add(`${column}/${line}`);
        }
      }
    }
  });
});

describe('the alerts', () => {
  it('have names of their own, and say what is the matter and what to do', () => {
    const names = rules.map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
    for (const { annotations } of rules) {
      expect(annotations.summary).toMatch(/\w/);
      expect(annotations.description).toMatch(/\w/);
    }
  });
});
