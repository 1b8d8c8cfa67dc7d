/** What a person sees who was too fast. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signUp } from '../support/client.ts';
import { startTestServer, type TestServer, uniqueName } from '../support/server.ts';
import {
  isWithoutBrowser,
  messageList,
  openBrowser,
  openConversation,
  openPage,
  shownMessages,
  visit,
  write,
} from './browser.ts';

describe.skipIf(isWithoutBrowser)('the web client', { timeout: 60_000 }, () => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    server = await startTestServer({ env: { RATE_LIMIT_SCALE: '1', RATE_LIMIT_MESSAGES: '2' } });
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await server.close();
  });

  it('says how long one has to wait after too many attempts to log in', async () => {
    const ann = await signUp(server.url, uniqueName('Ann'));
    const page = await openPage(browser, server.url);
    await page.getByLabel('E-mail').fill(ann.email);
    await page.getByLabel('Password', { exact: true }).fill('not the password');
    const submit = page.getByRole('button', { name: 'Log in', exact: true });
    const answered = () =>
      page.waitForResponse((response) => response.url().endsWith('/api/auth/login'));
    for (let count = 1; count <= 6; count++) {
      await Promise.all([answered(), submit.click()]);
    }
    const alert = page.getByRole('alert');
    await expect
      .poll(() => alert.textContent())
      .toBe('Too many attempts to log in. Please try again in 15 minutes.');
  });

  it('says that messages wait, and keeps them', async () => {
    const ben = await signUp(server.url, uniqueName('Ben'));
    const { page } = await visit(browser, server.url, uniqueName('Ann'));
    await openConversation(page, ben.fullName);
    for (const text of ['One', 'Two', 'Three', 'Four']) await write(page, ben.fullName, text);
    await page
      .getByText(/^You are sending messages too fast\. 2 messages wait and will be sent at \d/)
      .waitFor();
    expect(await shownMessages(page)).toHaveLength(4);
    expect(await messageList(page).getByLabel('Sending').count()).toBe(2);
    expect(await page.getByText('Not sent').count()).toBe(0);
    await page.reload();
    await expect.poll(async () => (await shownMessages(page)).length).toBe(4);
  });
});
