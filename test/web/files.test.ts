import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Person, signUp } from '../support/client.ts';
import { type Network, openNetwork } from '../support/network.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import {
  composer as composerTo,
  conversationLink,
  isWithoutBrowser,
  messageList,
  openBrowser,
  openConversation,
  openPage,
} from './browser.ts';

const picture = async (name: string, background: string) => ({
  name,
  mimeType: 'image/png',
  buffer: await sharp({ create: { width: 640, height: 400, channels: 3, background } })
    .png()
    .toBuffer(),
});
const text = (name: string, content: string) => ({
  name,
  mimeType: 'text/plain',
  buffer: Buffer.from(content),
});

describe.skipIf(isWithoutBrowser)('files in the web client', { timeout: 60_000 }, () => {
  let server: TestServer;
  let network: Network;
  let browser: Browser;
  let ann: Person;
  let ben: Person;
  let annPage: Page;
  let benPage: Page;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    server = await startTestServer({ env: { MAX_UPLOAD_MB: '1' } });
    network = await openNetwork(server.url);
    ann = await signUp(server.url, 'Ann Archer');
    ben = await signUp(server.url, 'Ben Baker');
    annPage = await openPage(browser, network.url, ann);
    benPage = await openPage(browser, server.url, ben);
    await openConversation(annPage, ben.fullName);
    await openConversation(benPage, ann.fullName);
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await network.close();
    await server.close();
  });

  type Files = Exclude<Parameters<ReturnType<Page['getByLabel']>['setInputFiles']>[0], string>;
  const add = (files: Files) => annPage.getByLabel('Files', { exact: true }).setInputFiles(files);
  const draftFiles = () => annPage.getByRole('list', { name: 'Files to be sent' });
  const composer = () => composerTo(annPage, ben.fullName);
  const send = () => composer().press('Enter');

  it('sends several at once: pictures to look through, others to download', async () => {
    await add([
      await picture('green.png', '#2a7f78'),
      await picture('red.png', '#a33'),
      text('notes.txt', 'buy bread'),
    ]);
    await expect.poll(() => draftFiles().getByRole('listitem').count()).toBe(3);
    await annPage.getByRole('button', { name: 'Remove red.png' }).click();
    await add([await picture('blue.png', '#33a')]);
    await expect.poll(() => draftFiles().getByRole('listitem').count()).toBe(3);
    await send();
    expect(await draftFiles().count()).toBe(0);

    const enlarge = benPage.getByRole('button', { name: 'Enlarge picture' });
    await expect.poll(() => enlarge.count()).toBe(2);
    await enlarge.first().click();
    const dialog = benPage.getByRole('dialog', { name: 'Picture' });
    await dialog.getByText('1 of 2').waitFor();
    await benPage.keyboard.press('ArrowRight');
    await dialog.getByText('2 of 2').waitFor();
    await benPage.keyboard.press('ArrowRight');
    await dialog.getByRole('button', { name: 'Previous picture' }).click();
    await dialog.getByText('1 of 2').waitFor();
    await benPage.goBack();
    await dialog.waitFor({ state: 'detached' });
    await composerTo(benPage, ann.fullName).waitFor();

    const coming = benPage.waitForEvent('download');
    await benPage.getByRole('link', { name: 'Download notes.txt' }).click();
    const download = await coming;
    expect(download.suggestedFilename()).toBe('notes.txt');
    expect(await readFile(await download.path(), 'utf8')).toBe('buy bread');
    await expect
      .poll(() => conversationLink(benPage, ann.fullName).textContent())
      .toContain('3 files');
  });

  it('takes no file that is too large, and no more than ten', async () => {
    await add([text('large.log', 'x'.repeat(1024 * 1024 + 1)), text('small.log', 'x')]);
    await annPage
      .getByText('“large.log” is too large: a file has at most 1 MB.', { exact: true })
      .waitFor();
    await expect.poll(() => draftFiles().getByRole('listitem').count()).toBe(1);
    await add(Array.from({ length: 10 }, (_, index) => text(`${index}.txt`, 'x')));
    await annPage.getByText('A message has at most 10 files.').waitFor();
    await expect.poll(() => draftFiles().getByRole('listitem').count()).toBe(10);
  });

  it('says how far an upload is, and gives it up', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await annPage.route('**/api/attachments', async (route) => {
      await held;
      await route.continue().catch(() => undefined);
    });
    await add([text('plan.txt', 'x'.repeat(500_000))]);
    await send();
    await annPage.getByRole('progressbar', { name: 'Uploading' }).waitFor();
    await composer().fill('In the meantime');
    await send();
    await messageList(benPage).getByText('In the meantime').waitFor();
    await annPage.getByRole('button', { name: 'Cancel' }).click();
    await expect.poll(() => annPage.getByRole('progressbar').count()).toBe(0);
    release();
    expect(await messageList(annPage).getByText('plan.txt').count()).toBe(0);
  });

  it('keeps what waits over a lost connection and a reload, and sends it then', async () => {
    network.cut();
    await add([text('offline.txt', 'written on the way')]);
    await send();
    await messageList(annPage).getByLabel('Sending').waitFor();
    network.restore();
    await annPage.reload();
    await benPage.getByRole('link', { name: 'Download offline.txt' }).waitFor();
    expect(await messageList(benPage).getByLabel('Download offline.txt').count()).toBe(1);
  });

  it('takes what is dropped onto the conversation', async () => {
    // As text: the tests are compiled without the types of a page.
    await annPage.evaluate(`(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['words'], 'dropped.txt', { type: 'text/plain' }));
      const target = document.querySelector('section[aria-label^="Conversation"] form');
      for (const type of ['dragover', 'drop']) {
        target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
      }
    })()`);
    await annPage.getByRole('button', { name: 'Remove dropped.txt' }).waitFor();
    await send();
    await benPage.getByRole('link', { name: 'Download dropped.txt' }).waitFor();
  });
});
