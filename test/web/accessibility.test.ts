import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, signUp } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import {
  composer,
  isWithoutBrowser,
  messageList,
  openBrowser,
  openConversation,
  openPage,
  visit,
  write,
} from './browser.ts';

/** Serious findings, in words that lead to their place. */
async function findings(page: Page): Promise<string[]> {
  await settled(page);
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

/** What fades in has its final colours only afterwards; what moves for ever is not waited for. */
async function settled(page: Page): Promise<void> {
  // As text: the tests are compiled without the types of a page. One animation that is replaced
  // or removed is over as well.
  await page.evaluate(`Promise.allSettled(
    document
      .getAnimations()
      .filter((animation) => animation.effect?.getComputedTiming().endTime !== Infinity)
      .map((animation) => animation.finished),
  ).then(() => undefined)`);
}

const schemes = ['light', 'dark'] as const;
const timeout = 120_000;

describe.skipIf(isWithoutBrowser).each(schemes)('in %s colours', { timeout }, (scheme) => {
  let server: TestServer;
  let browser: Browser;
  const colours = { colorScheme: scheme };

  beforeAll(async () => {
    server = await startTestServer();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it('the sign-in screen has no serious fault', async () => {
    const page = await openPage(browser, server.url, undefined, colours);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('An e-mail address is required').waitFor();
    expect(await findings(page)).toEqual([]);
  });

  it('the main view and its dialogs have no serious fault', async () => {
    // Without a page: a device that is there would have the message at once.
    const ben = await signUp(server.url, 'Ben Example');
    const ann = await visit(browser, server.url, 'Ann Example', colours);
    const { page } = ann;
    await openConversation(page, 'Ben Example');
    await write(page, 'Ben Example', 'Hello, see https://example.org/');
    await messageList(page).getByLabel('Sent').waitFor();
    const body = { text: 'Hello too' };
    await call(server.url, 'POST', `/api/messages/send/${ann.id}`, { as: ben, body });
    await messageList(page).getByText('Hello too').waitFor();
    expect(await findings(page)).toEqual([]);

    await page.getByRole('button', { name: /^Your account/ }).click();
    expect(await findings(page)).toEqual([]);
    await page.getByRole('menuitem', { name: 'Profile' }).click();
    await page.getByRole('dialog', { name: 'Profile' }).waitFor();
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press('Escape');

    await page.getByRole('button', { name: 'New group' }).click();
    await page.getByRole('checkbox', { name: 'Ben Example' }).check();
    await page.getByLabel('Name', { exact: true }).fill('Both of us');
    expect(await findings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Create group' }).click();
    await page.getByRole('button', { name: 'Group details' }).click();
    await page.getByRole('dialog', { name: 'Group details' }).waitFor();
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press('Escape');

    await composer(page, 'Both of us').pressSequentially('Hello @be');
    await composer(page, 'Both of us').press('Enter');
    await composer(page, 'Both of us').press('Enter');
    await messageList(page).locator('.mention').waitFor();
    await composer(page, 'Both of us').pressSequentially('<@');
    await page.getByRole('listbox').waitFor();
    expect(await findings(page)).toEqual([]);
  });
});
