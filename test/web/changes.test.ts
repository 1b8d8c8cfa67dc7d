import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Message } from '../../src/protocol/types.ts';
import { call, type Person, signUp } from '../support/client.ts';
import { type Network, openNetwork } from '../support/network.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import {
  composer as composerTo,
  isWithoutBrowser,
  messageList,
  openBrowser,
  openConversation,
  openPage,
  write as writeTo,
} from './browser.ts';

describe.skipIf(isWithoutBrowser)('messages in the web client', { timeout: 60_000 }, () => {
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
    server = await startTestServer();
    network = await openNetwork(server.url);
    [ann, ben] = await Promise.all([
      signUp(server.url, 'Ann Archer'),
      signUp(server.url, 'Ben Baker'),
    ]);
    [annPage, benPage] = await Promise.all([
      openPage(browser, network.url, ann),
      openPage(browser, network.url, ben),
    ]);
    await openConversation(annPage, ben.fullName);
    await openConversation(benPage, ann.fullName);
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await network.close();
    await server.close();
  });

  const partnerOf = (page: Page) => (page === annPage ? ben : ann).fullName;
  const composer = (page: Page) => composerTo(page, partnerOf(page));
  const write = (page: Page, text: string) => writeTo(page, partnerOf(page), text);
  const rowOf = (page: Page, text: string) =>
    messageList(page).getByRole('listitem').filter({ hasText: text });
  /** Opens the menu of a message as the keyboard does, which needs no pointer above it. */
  async function choose(page: Page, text: string, item: string): Promise<void> {
    await rowOf(page, text).last().getByRole('button', { name: 'Message actions' }).press('Enter');
    await page.getByRole('menuitem', { name: item }).click();
  }
  const shows = (page: Page, text: string) =>
    expect.poll(() => rowOf(page, text).count()).toBeGreaterThan(0);

  it('edits a message, for both, and leaves what was being written alone', async () => {
    await write(annPage, 'See you at fiev');
    await shows(benPage, 'See you at fiev');
    await composer(annPage).fill('half a thought');
    await choose(annPage, 'See you at fiev', 'Edit');
    expect(await composer(annPage).inputValue()).toBe('See you at fiev');
    await composer(annPage).fill('See you at five');
    await composer(annPage).press('Enter');
    for (const page of [annPage, benPage]) {
      await shows(page, 'See you at five');
      expect(await rowOf(page, 'edited').count()).toBe(1);
      expect(await rowOf(page, 'fiev').count()).toBe(0);
    }
    await expect.poll(() => composer(annPage).inputValue()).toBe('half a thought');
    // The arrow reaches the last own message, and Escape leaves it as it is.
    await composer(annPage).fill('');
    await composer(annPage).press('ArrowUp');
    await expect.poll(() => composer(annPage).inputValue()).toBe('See you at five');
    await composer(annPage).press('Escape');
    await expect.poll(() => composer(annPage).inputValue()).toBe('');
    await annPage.reload();
    await shows(annPage, 'See you at five');
  });

  it('deletes an own message, for both, after asking', async () => {
    await write(annPage, 'Not for you');
    await shows(benPage, 'Not for you');
    await rowOf(benPage, 'Not for you')
      .getByRole('button', { name: 'Message actions' })
      .press('Enter');
    await expect.poll(() => benPage.getByRole('menuitem', { name: 'Reply' }).count()).toBe(1);
    for (const name of ['Edit', 'Delete']) {
      expect(await benPage.getByRole('menuitem', { name }).count()).toBe(0);
    }
    await choose(annPage, 'Not for you', 'Delete');
    await annPage.getByRole('button', { name: 'Delete' }).click();
    for (const page of [annPage, benPage]) {
      await shows(page, 'Message deleted');
      await expect.poll(() => page.getByText('Not for you').count()).toBe(0);
    }
  });

  it('shows reactions with their counts, and takes one back', async () => {
    await write(annPage, 'Done!');
    await shows(benPage, 'Done!');
    const thumb = (page: Page, count: number) =>
      messageList(page).getByRole('button', { name: `👍 ${count}` });
    await choose(benPage, 'Done!', 'React with 👍');
    await thumb(annPage, 1).click();
    for (const page of [annPage, benPage]) {
      await expect.poll(() => thumb(page, 2).getAttribute('aria-pressed')).toBe('true');
    }
    await thumb(benPage, 2).click();
    for (const [page, isMine] of [
      [annPage, 'true'],
      [benPage, 'false'],
    ] as const) {
      await expect.poll(() => thumb(page, 1).getAttribute('aria-pressed')).toBe(isMine);
    }
    await thumb(annPage, 1).click();
    await expect
      .poll(() => messageList(benPage).getByRole('list', { name: 'Reactions' }).count())
      .toBe(0);
  });

  it('answers a message with a quote that leads to it, however far back', async () => {
    await write(annPage, 'Where shall we meet?');
    await shows(benPage, 'Where shall we meet?');
    await choose(benPage, 'Where shall we meet?', 'Reply');
    await write(benPage, 'At the bridge');
    const quote = (page: Page, words: string) =>
      messageList(page).getByRole('button', { name: `Answers ${words}` });
    await expect.poll(() => quote(annPage, 'Ann Archer: Where shall we meet?').count()).toBe(1);
    const path = `/api/messages/send/${ben.id}`;
    for (let index = 0; index < 150; index++) {
      await call<Message>(server.url, 'POST', path, { as: ann, body: { text: `Filler ${index}` } });
    }
    const [first] = (
      await call<Message[]>(server.url, 'GET', `/api/messages/${ben.id}?after=0&limit=1`, {
        as: ann,
      })
    ).body;
    const body = { text: 'I am there', replyTo: first?._id };
    await call<Message>(server.url, 'POST', `/api/messages/send/${ann.id}`, { as: ben, body });
    await annPage.reload();
    await shows(annPage, 'I am there');
    // Far away, and quoted all the same; an edit is seen in the quote.
    await expect.poll(() => quote(annPage, 'Ann Archer: Where shall').count()).toBe(1);
    expect(await rowOf(annPage, 'At the bridge').count()).toBe(0);
    await call(server.url, 'PATCH', `/api/messages/${first?._id}`, {
      as: ann,
      body: { text: 'Where do we meet?' },
    });
    const edited = quote(annPage, 'Ann Archer: Where do we meet?');
    await expect.poll(() => edited.count()).toBe(1);
    await edited.click();
    const original = rowOf(annPage, 'Where do we meet?').first();
    await expect
      .poll(() =>
        original.evaluate((row) => {
          const { top, bottom } = row.getBoundingClientRect();
          return top > 0 && bottom < (row.ownerDocument.defaultView?.innerHeight ?? 0);
        }),
      )
      .toBe(true);
  });

  it('says why an edit failed, and keeps its words', async () => {
    await write(annPage, 'First');
    await shows(benPage, 'First');
    await choose(annPage, 'First', 'Edit');
    network.cut();
    await composer(annPage).fill('Second');
    await composer(annPage).press('Enter');
    await expect.poll(() => annPage.getByRole('alert').count()).toBeGreaterThan(0);
    expect(await composer(annPage).inputValue()).toBe('Second');
    network.restore();
    await expect
      .poll(
        async () => {
          await composer(annPage).press('Enter');
          return rowOf(benPage, 'Second').count();
        },
        { timeout: 20_000, interval: 500 },
      )
      .toBe(1);
  });
});
