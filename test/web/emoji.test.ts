import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reactionParams } from '../../src/protocol/schemas.ts';
import { emojiData } from '../../src/web/ui/emoji-data.ts';
import { call, signUp } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import {
  composer,
  isWithoutBrowser,
  messageList,
  openBrowser,
  openConversation,
  openPage,
} from './browser.ts';

it('offers no emoji that the server refuses', () => {
  expect(emojiData.emojis.length).toBeGreaterThan(1_500);
  const refused = emojiData.emojis.filter(
    ({ emoji }) => !reactionParams.safeParse({ messageId: 'a'.repeat(24), emoji }).success,
  );
  expect(refused).toEqual([]);
});

describe.skipIf(isWithoutBrowser)('emoji in the web client', { timeout: 60_000 }, () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    [browser, server] = [await openBrowser(), await startTestServer()];
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it('are found by a word, for reactions and for what one writes', async () => {
    const [ann, ben] = await Promise.all([
      signUp(server.url, 'Ann Archer'),
      signUp(server.url, 'Ben Baker'),
    ]);
    const page = await openPage(browser, server.url, ann);
    await openConversation(page, ben.fullName);
    const path = `/api/messages/send/${ann.id}`;
    await call(server.url, 'POST', path, { as: ben, body: { text: 'Launched' } });
    const row = messageList(page).getByRole('listitem').filter({ hasText: 'Launched' });
    await row.getByRole('button', { name: 'Message actions' }).press('Enter');
    await page.getByRole('menuitem', { name: 'More reactions' }).click();
    const dialog = page.getByRole('dialog', { name: 'React' });
    await dialog.getByLabel('Search emoji').fill('rocket');
    await dialog.getByRole('gridcell', { name: 'rocket' }).first().click();
    await row.getByRole('button', { name: '🚀' }).waitFor();
    expect(await dialog.count()).toBe(0);

    const box = composer(page, ben.fullName);
    await box.fill('well done!');
    await box.evaluate((node) =>
      (node as unknown as { setSelectionRange(from: number, to: number): void }).setSelectionRange(
        9,
        9,
      ),
    );
    await page.getByRole('button', { name: 'Emoji' }).click();
    await page.getByLabel('Search emoji').fill('party popper');
    // The one that Enter takes, once the list has followed.
    const first = page.getByRole('gridcell').first();
    await expect.poll(() => first.getAttribute('aria-label')).toBe('party popper');
    await page.getByLabel('Search emoji').press('Enter');
    await expect.poll(() => box.inputValue()).toBe('well done🎉!');
    await box.press('Enter');
    await messageList(page).getByText('well done🎉!').waitFor();
  });
});
