import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Group, Message } from '../../src/protocol/types.ts';
import { call, connect, emit, type Person, signUp, upload } from '../support/client.ts';
import { startTestServer, type TestServer, uniqueName } from '../support/server.ts';
import {
  composer,
  conversationLink,
  isWithoutBrowser,
  messageList,
  openBrowser,
  openConversation,
  openPage,
} from './browser.ts';

describe.skipIf(isWithoutBrowser)('search in the web client', { timeout: 90_000 }, () => {
  let server: TestServer;
  let browser: Browser;
  let ann: Person;
  let ben: Person;
  let page: Page;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    server = await startTestServer();
    ann = await signUp(server.url, 'Ann Archer');
    ben = await signUp(server.url, 'Ben Baker');
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await server.close();
  });

  const say = async (as: Person, path: string, body: object): Promise<Message> => {
    const answer = await call<Message>(server.url, 'POST', path, { as, body });
    expect(answer.status).toBe(201);
    return answer.body;
  };
  const toBen = () => `/api/messages/send/${ben.id}`;
  const box = () => page.getByRole('searchbox');
  const hits = () => page.getByRole('region', { name: 'Search results' }).getByRole('link');
  const hit = (words: string) => hits().filter({ hasText: words });
  const earlier = () => page.getByRole('region', { name: 'Earlier in this conversation' });
  const open = async () => {
    page = await openPage(browser, server.url, ann);
    await conversationLink(page, ben.fullName).waitFor();
  };

  it('leads to a message however far back, with what stands around it', async () => {
    const socket = await connect(server.url, ann);
    let wanted: Message | undefined;
    for (let number = 1; number <= 700; number++) {
      const text = number === 30 ? 'The needle of the haystack' : `Straw number ${number}`;
      const payload = { to: ben.id, text, clientId: uniqueName('client') };
      const answer = await emit(socket, 'sendMessage', payload);
      if (answer.ok && number === 30) wanted = answer.message;
    }
    socket.disconnect();
    await open();
    await box().fill('needle');
    await expect.poll(() => hits().count(), { timeout: 10_000 }).toBe(1);
    expect(await hits().locator('mark').allTextContents()).toEqual(['needle']);
    await hits().click();
    await earlier().getByText('The needle of the haystack').waitFor();
    await earlier().getByText('Straw number 29', { exact: true }).waitFor();
    await earlier().getByText('Straw number 31', { exact: true }).waitFor();
    expect(page.url()).toMatch(/#30$/);

    // What is changed meanwhile is changed there, too.
    const path = `/api/messages/${wanted?._id}`;
    await call(server.url, 'PATCH', path, { as: ann, body: { text: 'A pin, rather' } });
    await earlier().getByText('A pin, rather').waitFor();
    // One goes on by scrolling.
    await earlier().evaluate('(list) => list.scrollTo(0, list.scrollHeight)' as never);
    await earlier().getByText('Straw number 70', { exact: true }).waitFor();
    expect(await earlier().getByText('Straw number 700', { exact: true }).count()).toBe(0);

    await page.reload();
    await earlier().getByText('A pin, rather').waitFor();
    await page.getByRole('button', { name: 'Jump to newest' }).click();
    await messageList(page).getByText('Straw number 700').waitFor();
    await page.goBack();
    await earlier().getByText('A pin, rather').waitFor();
    await composer(page, ben.fullName).fill('Found it');
    await composer(page, ben.fullName).press('Enter');
    await messageList(page).getByText('Found it').waitFor();
  });

  it('narrows by conversation, person, day and files', async () => {
    const { body: group } = await call<Group>(server.url, 'POST', '/api/groups', {
      as: ann,
      body: { name: 'Crew', memberIds: [ben.id] },
    });
    await say(ann, toBen(), { text: 'lunch with you' });
    await say(ben, `/api/groups/${group._id}/messages`, { text: 'lunch for all' });
    const { body: file } = await upload(server.url, ann, { name: 'menu.txt', content: 'soup' });
    await say(ann, `/api/groups/${group._id}/messages`, {
      text: 'lunch menu',
      attachments: [file._id],
    });
    await open();
    await box().fill('lunch');
    await expect.poll(() => hits().count(), { timeout: 10_000 }).toBe(3);
    await page.getByRole('button', { name: 'Filters' }).click();
    await page.getByLabel('From').selectOption(ben.fullName);
    await expect.poll(() => hits().count()).toBe(1);
    await hit('lunch for all').waitFor();
    await page.getByLabel('From').selectOption('Anyone');
    await page.getByLabel('With pictures or files').check();
    await expect.poll(() => hits().count()).toBe(1);
    await hit('menu.txt').waitFor();
    await page.getByLabel('With pictures or files').uncheck();
    await page.getByLabel('Until').fill('2020-01-01');
    await page.getByText('No person, group or message matches “lunch”.').waitFor();
    await page.getByLabel('Until').fill('');
    await page.getByLabel('Since').fill('2020-01-01');
    await expect.poll(() => hits().count()).toBe(3);

    await box().press('Escape');
    expect(await page.getByLabel('Since').count()).toBe(0);
    await openConversation(page, 'Crew');
    await page.getByRole('button', { name: 'Search in this conversation' }).click();
    await page.keyboard.type('lunch');
    await expect.poll(() => hits().count()).toBe(2);
    await hit('lunch for all').click();
    await messageList(page).getByText('lunch for all').waitFor();
    await expect.poll(() => hit('lunch for all').getAttribute('aria-current')).toBe('location');
  });
});
