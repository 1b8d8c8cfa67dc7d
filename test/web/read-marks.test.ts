import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MembersRead } from '../../src/web/client/members-read.ts';
import { call, type Person, signUp } from '../support/client.ts';
import { type Network, openNetwork } from '../support/network.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import {
  isWithoutBrowser,
  messageList,
  openBrowser,
  openConversation,
  openPage,
  write,
} from './browser.ts';
import { direct, other } from './message.ts';

describe('how far others have read and received', () => {
  it('never moves back, and is told when it moves', () => {
    const read = new MembersRead();
    let told = 0;
    read.changed.listen(() => void told++);
    read.note({ conversationId: direct, userId: other, seq: 5 });
    read.take(direct, [{ userId: other, readSeq: 3, deliveredSeq: 3, fromSeq: 0 }]);
    read.note({ conversationId: direct, userId: other, seq: 5 });
    expect([read.of(direct, other), told]).toEqual([5, 1]);
    read.take(direct, [{ userId: other, readSeq: 7, deliveredSeq: 7, fromSeq: 0 }]);
    expect([read.of(direct, other), told]).toEqual([7, 2]);
    read.noteDelivered({ conversationId: direct, userId: other, seq: 6 });
    expect([read.of(direct, other), read.deliveredOf(direct, other)]).toEqual([7, 7]);
    read.noteDelivered({ conversationId: direct, userId: other, seq: 9 });
    expect([read.of(direct, other), read.deliveredOf(direct, other), told]).toEqual([7, 9, 3]);
    read.forget(direct);
    expect([read.of(direct, other), read.deliveredOf(direct, other)]).toEqual([0, 0]);
  });
});

describe.skipIf(isWithoutBrowser)('marks in the web client', { timeout: 60_000 }, () => {
  let server: TestServer;
  let network: Network;
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
    network = await openNetwork(server.url);
    [ann, ben] = await Promise.all([
      signUp(server.url, 'Ann Archer'),
      signUp(server.url, 'Ben Baker'),
    ]);
    page = await openPage(browser, network.url, ann);
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await network.close();
    await server.close();
  });

  const marks = () =>
    messageList(page)
      .getByRole('img')
      .evaluateAll((all) => all.map((one) => (one as unknown as { ariaLabel: string }).ariaLabel));
  const read = (as: Person, path: string, seq: number) =>
    call(server.url, 'POST', path, { as, body: { seq } });

  it('shows what the other person has read, as it happens and after being away', async () => {
    await openConversation(page, ben.fullName);
    await write(page, ben.fullName, 'one');
    await write(page, ben.fullName, 'two');
    await expect.poll(marks).toEqual(['Sent', 'Sent']);
    await read(ben, `/api/messages/${ann.id}/read`, 1);
    await expect.poll(marks).toEqual(['Read', 'Sent']);
    network.cut();
    await page.getByText('No connection').waitFor();
    await read(ben, `/api/messages/${ann.id}/read`, 2);
    network.restore();
    await expect.poll(marks, { timeout: 20_000 }).toEqual(['Read', 'Read']);
    await page.reload();
    await expect.poll(marks).toEqual(['Read', 'Read']);
  });

  it('shows what has reached a device of the other person, before it is read', async () => {
    await openConversation(page, ben.fullName);
    await write(page, ben.fullName, 'one');
    await expect.poll(marks).toEqual(['Sent']);
    // The lists are loaded, and the conversation is not opened.
    const device = await openPage(browser, server.url, ben);
    await expect.poll(marks).toEqual(['Delivered']);
    await write(page, ben.fullName, 'two');
    await expect.poll(marks, { timeout: 10_000 }).toEqual(['Delivered', 'Delivered']);
    network.cut();
    await page.getByText('No connection').waitFor();
    await openConversation(device, ann.fullName);
    network.restore();
    await expect.poll(marks, { timeout: 20_000 }).toEqual(['Read', 'Read']);
    const ticks = messageList(page).getByTitle('Read');
    expect(await ticks.count()).toBe(2);
  });

  it('lists who of a group has read a message, and who has not', async () => {
    const cat = await signUp(server.url, 'Cat Cook');
    const body = { name: 'Friends', memberIds: [ben.id, cat.id] };
    const { _id } = (
      await call<{ _id: string }>(server.url, 'POST', '/api/groups', { as: ann, body })
    ).body;
    await openConversation(page, 'Friends');
    await write(page, 'Friends', 'who is coming?');
    await expect.poll(marks).toEqual(['Sent']);
    await read(ben, `/api/groups/${_id}/read`, 1);
    await messageList(page).getByRole('button', { name: 'Message actions' }).press('Enter');
    await page.getByRole('menuitem', { name: 'Read by' }).click();
    const people = (title: string) =>
      page.getByRole('region', { name: title }).getByRole('listitem').allTextContents();
    const dialog = page.getByRole('dialog', { name: 'Read by' });
    await dialog.getByText('1 of 2 other members.').waitFor();
    expect((await people('Read'))[0]).toContain('Ben Baker');
    expect((await people('Not yet'))[0]).toContain('Cat Cook');
    // It reaches her, and she does not look.
    await openPage(browser, server.url, cat);
    await expect.poll(async () => (await people('Delivered'))[0]).toContain('Cat Cook');
    expect(await people('Not yet')).toEqual([]);
    await read(cat, `/api/groups/${_id}/read`, 1);
    await dialog.getByText('2 of 2 other members.').waitFor();
    expect(await people('Not yet')).toEqual([]);
  });
});
