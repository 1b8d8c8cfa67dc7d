/** The operations page in a real browser, and Bull's page beside it. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { call, connect, type Person, send, signUp } from '../support/client.ts';
import { type Network, openNetwork } from '../support/network.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { isWithoutBrowser, openBrowser, openPage } from './browser.ts';

const soon = { timeout: 15_000 };

describe.skipIf(isWithoutBrowser)('the operations page', { timeout: 90_000 }, () => {
  let server: TestServer;
  let network: Network;
  let browser: Browser;
  let admin: Person;

  beforeAll(async () => {
    browser = await openBrowser();
    server = await startTestServer();
    network = await openNetwork(server.url);
    admin = await signUp(server.url, 'Ada Operator');
  });
  afterAll(async () => {
    await browser?.close();
    await network?.close();
    await server?.close();
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    network.restore();
  });

  const openMenu = (page: Page) => page.getByRole('button', { name: /^Your account/ }).click();
  const chart = (page: Page, title: string) =>
    page.getByRole('img', { name: new RegExp(`^${title} over`) });
  async function openOperations(options: Parameters<typeof openPage>[3] = {}): Promise<Page> {
    const page = await openPage(browser, network.url, admin, options);
    await openMenu(page);
    await page.getByRole('menuitem', { name: 'Operations' }).click();
    await page.getByRole('heading', { name: 'Operations', level: 1 }).waitFor();
    return page;
  }

  it('is reached from the account menu, and left by Back and by its own button', async () => {
    const page = await openOperations();
    expect(new URL(page.url()).pathname).toBe('/operations');
    await expect.poll(() => page.title()).toBe('Operations – Parley');
    await page.goBack();
    await page.getByRole('navigation', { name: 'Conversations' }).waitFor();
    await page.goForward();
    await page.getByRole('button', { name: 'Back to the conversations' }).click();
    await page.getByRole('navigation', { name: 'Conversations' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/');
    await expect.poll(() => page.title()).toBe('Parley');
  });

  it('shows what happens, by itself', async () => {
    const page = await openOperations();
    await chart(page, 'Throughput').waitFor(soon);
    await page.getByText('Live', { exact: true }).waitFor();
    const ben = await signUp(server.url);
    const socket = await connect(server.url, ben);
    for (let count = 0; count < 30; count++) await send(socket, { to: admin.id }, `${count}`);
    const throughput = () => chart(page, 'Throughput').getAttribute('aria-label');
    await expect.poll(throughput, soon).toMatch(/Messages: .* now, at most (?!0\/s)[\d.]+\/s/);
    const events = () => chart(page, 'Socket events').getAttribute('aria-label');
    await expect.poll(events, soon).toMatch(/p99: [\d.]+.ms now/);
    const row = page.getByRole('table').last().getByRole('row').last();
    await expect.poll(() => row.textContent(), soon).toContain(`${process.pid}`);
    expect(await row.getByText('running').count()).toBe(1);
    socket.disconnect();
  });

  it('shows the same as tables', async () => {
    const page = await openOperations();
    await chart(page, 'Memory').waitFor(soon);
    await page.getByRole('button', { name: 'Show figures as tables' }).click();
    await page.getByRole('columnheader', { name: 'Heap used' }).waitFor();
    expect(await page.getByRole('img').count()).toBe(0);
    const cells = await page.getByRole('cell', { name: /^\d+.MB$/ }).count();
    expect(cells).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Show charts' }).click();
    await chart(page, 'Memory').waitFor();
  });

  it('tells the figures of the moment that is pointed at', async () => {
    const page = await openOperations();
    const clients = chart(page, 'Connected clients');
    await clients.waitFor(soon);
    await expect.poll(() => clients.getAttribute('aria-label'), soon).toContain('Sockets: 1 now');
    const box = await clients.boundingBox();
    await page.mouse.move((box?.x ?? 0) + (box?.width ?? 0) - 8, (box?.y ?? 0) + 60);
    await page.getByText(/^\d\d:\d\d:\d\d$/).waitFor();
  });

  it('says that there is no answer and keeps what it knew, and goes on when there is', async () => {
    const page = await openOperations();
    await chart(page, 'Throughput').waitFor(soon);
    network.cut();
    await page.getByText(/These are the figures of \d\d:\d\d:\d\d/).waitFor(soon);
    await page.getByText('No answer', { exact: true }).waitFor();
    expect(await chart(page, 'Throughput').count()).toBe(1);
    network.restore();
    await page.getByText('Live', { exact: true }).waitFor(soon);
    expect(await page.getByText(/These are the figures of/).count()).toBe(0);
  });

  it('says that it could not be loaded, and tries again', async () => {
    const page = await openPage(browser, network.url, admin);
    await page.route('**/api/admin/operations*', (route) => route.abort());
    await openMenu(page);
    await page.getByRole('menuitem', { name: 'Operations' }).click();
    await page.getByText('The figures cannot be loaded').waitFor();
    await page.unroute('**/api/admin/operations*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await chart(page, 'Throughput').waitFor(soon);
  });

  it('says so when the page itself does not come', async () => {
    const page = await openPage(browser, network.url, admin);
    await page.route('**/assets/operations-screen*', (route) => route.abort());
    await openMenu(page);
    await page.getByRole('menuitem', { name: 'Operations' }).click();
    await page.getByText('This page could not be loaded').waitFor();
    await page.unroute('**/assets/operations-screen*');
    await page.getByRole('button', { name: 'Load again' }).click();
    await page.getByRole('heading', { name: 'Operations', level: 1 }).waitFor();
  });

  it('is not offered to others, asks nothing of them, and shows them nothing', async () => {
    const ben = await signUp(server.url, 'Ben Example');
    const page = await openPage(browser, network.url, ben);
    const loaded: string[] = [];
    page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
    await page.reload();
    await openMenu(page);
    await page.getByRole('menuitem', { name: 'Sessions' }).waitFor();
    expect(await page.getByRole('menuitem', { name: 'Operations' }).count()).toBe(0);
    expect(loaded.length).toBeGreaterThan(3);
    expect(loaded.filter((path) => path.includes('operations'))).toEqual([]);
    await page.goto(`${network.url}/operations`);
    await page.getByText('For administrators only').waitFor();
    await page.getByRole('main').getByRole('button', { name: /^Back/ }).click();
    await page.getByRole('navigation', { name: 'Conversations' }).waitFor();
  });

  it.each(['light', 'dark'] as const)('has no serious fault in %s colours', async (colorScheme) => {
    const page = await openOperations({ colorScheme });
    await chart(page, 'Throughput').waitFor(soon);
    const findings = async () => {
      const { violations } = await new AxeBuilder({ page }).analyze();
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    };
    expect(await findings()).toEqual([]);
    await page.getByRole('button', { name: 'Show figures as tables' }).click();
    expect(await findings()).toEqual([]);
  });

  it('fits a phone', async () => {
    const page = await openOperations({ viewport: { width: 360, height: 740 } });
    await chart(page, 'Throughput').waitFor(soon);
    const widths = await page.evaluate<[number, number]>(
      `[document.querySelector('main').scrollWidth, document.querySelector('main').clientWidth]`,
    );
    expect(widths[0]).toBe(widths[1]);
    expect(await page.getByRole('heading', { name: 'Operations' }).isVisible()).toBe(true);
  });

  it('leads to the queues, whose page breaks no rule of the policy', async () => {
    const page = await openOperations();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.getByRole('link', { name: 'Queues' }).click();
    const { body } = await call<{ instance: { id: string } }>(server.url, 'GET', '/health');
    const name = `messages-${body.instance.id}`;
    await page.getByRole('link', { name }).first().click();
    await page.getByText('No latest jobs in this queue').waitFor();
    expect(complaints).toEqual([]);
  });
});
