import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/protocol/limits.ts';
import type { Contact, Message } from '../../src/protocol/types.ts';
import { call, PASSWORD, signUp } from '../support/client.ts';
import { type Network, openNetwork } from '../support/network.ts';
import { startTestServer, type TestServer, uniqueName } from '../support/server.ts';
import {
  composer,
  conversationLink,
  isWithoutBrowser,
  messageList,
  openBrowser,
  openConversation,
  openPage,
  shownMessages,
  visit,
  write,
} from './browser.ts';

const picture = () =>
  sharp({ create: { width: 640, height: 400, channels: 3, background: '#2a7f78' } })
    .png()
    .toBuffer();

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** For a page: how many unsent messages of a person it has stored. */
const countKept = (userId: string): string => `new Promise((resolve) => {
  const opening = indexedDB.open('parley-outbox-${userId}');
  opening.onsuccess = () => {
    const counting = opening.result.transaction('entries').objectStore('entries').count();
    counting.onsuccess = () => resolve(counting.result);
    opening.result.close();
  };
})`;

describe.skipIf(isWithoutBrowser)('the web client', { timeout: 60_000 }, () => {
  let server: TestServer;
  let network: Network;
  let browser: Browser;
  const url = () => network.url;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    server = await startTestServer();
    network = await openNetwork(server.url);
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await network.close();
    await server.close();
  });

  const onlineAt = async (address: string) =>
    (await call<{ connections: number }>(address, 'GET', '/health')).body.connections;
  const title = (page: Page) => expect.poll(() => page.title());

  it('signs two people up, who find each other online and talk', async () => {
    const join = async (fullName: string) => {
      const page = await openPage(browser, url());
      await page.getByRole('button', { name: 'Create an account' }).click();
      await page.getByLabel('Full name').fill(fullName);
      await page.getByLabel('E-mail').fill(`${uniqueName('visitor')}@example.org`);
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Create account' }).click();
      return page;
    };
    const [ann, ben] = [uniqueName('Ann'), uniqueName('Ben')];
    const annPage = await join(ann);
    const benPage = await join(ben);

    await conversationLink(benPage, `${ann} , online`).waitFor();
    await openConversation(benPage, ann);
    await write(benPage, ann, 'Hello Ann');
    await conversationLink(annPage, ben).getByText('1 unread').waitFor();
    await title(annPage).toBe('(1) Parley');

    await openConversation(annPage, ben);
    await messageList(annPage).getByText('Hello Ann').waitFor();
    await annPage.getByText('Online', { exact: true }).waitFor();
    await title(annPage).toBe('Parley');
    await write(annPage, ben, 'Hello Ben,\nsee https://example.org/a?b=1.');
    const link = messageList(benPage).getByRole('link', { name: 'https://example.org/a?b=1' });
    await link.waitFor();
    expect(await link.getAttribute('rel')).toBe('nofollow noopener noreferrer');

    await annPage.context().close();
    await benPage.getByText(/^Last seen/).waitFor();
  });

  it('shows who signs up, and a changed name, at once and by itself', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    await ann.page.getByRole('navigation', { name: 'Conversations' }).waitFor();
    await expect.poll(() => onlineAt(server.url)).toBe(1);
    const ben = await signUp(server.url, uniqueName('Ben'));
    await conversationLink(ann.page, ben.fullName).waitFor();
    const fullName = uniqueName('Benedict');
    const body = { fullName };
    await call(server.url, 'PUT', '/api/auth/update-profile', { as: ben, body });
    await conversationLink(ann.page, fullName).waitFor();
    expect(await conversationLink(ann.page, ben.fullName).count()).toBe(0);
  });

  it('shows who signed up after its list was read, and before it was connected', async () => {
    const ann = await signUp(url(), uniqueName('Ann'));
    const page = await openPage(browser, url());
    // Else this page, too, might sign in by the cookie, and read.
    await page.getByRole('button', { name: 'Create an account' }).waitFor();
    const allowed = gate();
    await page.routeWebSocket(/socket\.io/, async (socket) => {
      await allowed.opened;
      socket.connectToServer();
    });
    await page.context().addCookies([{ name: 'jwt', value: ann.token, url: url() }]);
    await page.reload();
    await page.getByRole('navigation', { name: 'Conversations' }).waitFor();
    await page.waitForLoadState('networkidle');
    const ben = await signUp(server.url, uniqueName('Ben'));
    allowed.open();
    await conversationLink(page, ben.fullName).waitFor();
  });

  it('shows who signed up while its list was read', async () => {
    const ann = await signUp(url(), uniqueName('Ann'));
    const page = await openPage(browser, url());
    // Else this page, too, might sign in by the cookie, and read.
    await page.getByRole('button', { name: 'Create an account' }).waitFor();
    await page.context().addCookies([{ name: 'jwt', value: ann.token, url: url() }]);
    const [asked, connected, heard, allowed] = [gate(), gate(), gate(), gate()];
    await page.routeWebSocket(/socket\.io/, async (near) => {
      await asked.opened;
      const far = near.connectToServer();
      far.onMessage((text) => {
        near.send(text);
        // Socket.IO's acceptance of the connection.
        if (String(text).startsWith('40')) connected.open();
        if (String(text).includes('userUpdated')) heard.open();
      });
    });
    // The first reading ends when it is connected, so that it reads again, with nothing to show
    // yet; that one is held back.
    let reads = 0;
    await page.route('**/api/messages/users', async (route) => {
      const isFirst = reads === 0;
      asked.open();
      await connected.opened;
      const response = await route.fetch();
      reads += 1;
      if (!isFirst) await allowed.opened;
      await route.fulfill({ response });
    });
    await page.reload();
    await expect.poll(() => reads).toBe(2);
    const ben = await signUp(server.url, uniqueName('Ben'));
    await heard.opened;
    allowed.open();
    await conversationLink(page, ben.fullName).waitFor();
  });

  it('shows beside each field what the server finds wrong with it', async () => {
    const page = await openPage(browser, url());
    await page.getByRole('button', { name: 'Create an account' }).click();
    await page.getByLabel('E-mail').fill('nonsense');
    await page.getByLabel('Password').fill('short');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByText('A password has at least 8 characters').waitFor();
    expect(await page.getByLabel('E-mail').getAttribute('aria-invalid')).toBe('true');
    expect(await page.getByLabel('Full name').getAttribute('aria-invalid')).toBe('true');
    expect(await page.evaluate('document.activeElement.name')).toBe('fullName');
  });

  it('leads whoever signs up again to log in', async () => {
    const ann = await signUp(url(), uniqueName('Ann'));
    const page = await openPage(browser, url());
    await page.getByRole('button', { name: 'Create an account' }).click();
    await page.getByLabel('Full name').fill(ann.fullName);
    await page.getByLabel('E-mail').fill(ann.email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('button', { name: 'Log in with this address' }).click();
    expect(await page.getByLabel('E-mail').inputValue()).toBe(ann.email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await page.getByRole('button', { name: `Your account, ${ann.fullName}` }).waitFor();
  });

  it('asks for a name in the profile, also when only the picture is new', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    await ann.page.getByRole('button', { name: /^Your account/ }).click();
    await ann.page.getByRole('menuitem', { name: 'Profile' }).click();
    const profile = ann.page.getByRole('dialog', { name: 'Profile' });
    const save = profile.getByRole('button', { name: 'Save' });
    await profile.locator('input[type=file]').setInputFiles({
      name: 'green.png',
      mimeType: 'image/png',
      buffer: await picture(),
    });
    await expect.poll(() => save.isEnabled()).toBe(true);
    await profile.getByLabel('Full name').fill('  ');
    await profile.getByText('A name is required').waitFor();
    expect(await save.isEnabled()).toBe(false);

    const renamed = uniqueName('Anna');
    await profile.getByLabel('Full name').fill(renamed);
    await save.click();
    await ann.page.getByRole('button', { name: `Your account, ${renamed}` }).waitFor();
  });

  it('sends a picture, which the other can enlarge', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    const person = await signUp(url(), uniqueName('Ben'));
    await openConversation(ann.page, person.fullName);
    await ann.page.getByLabel('Files', { exact: true }).setInputFiles({
      name: 'green.png',
      mimeType: 'image/png',
      buffer: await picture(),
    });
    await ann.page.getByAltText('To be sent').waitFor();
    await write(ann.page, person.fullName, 'Look');
    await messageList(ann.page).getByLabel('Sent').waitFor();

    // Only now: a device that is there has it at once, and then it is no longer only sent.
    const ben = { ...person, page: await openPage(browser, url(), person) };
    await openConversation(ben.page, ann.fullName);
    const enlarge = ben.page.getByRole('button', { name: 'Enlarge picture' });
    const box = await enlarge.boundingBox();
    expect(box?.width).toBe(384);
    expect(box?.height).toBe(240);
    await enlarge.click();
    await ben.page.getByRole('dialog', { name: 'Picture' }).waitFor();
    await ben.page.keyboard.press('Escape');
    await ben.page.getByRole('dialog').waitFor({ state: 'detached' });

    // Back closes it, too; however it is closed, the conversation stays.
    const close = [
      () => ben.page.goBack(),
      () => ben.page.getByRole('button', { name: 'Close' }).click(),
    ];
    for (const closeIt of close) {
      await enlarge.click();
      await ben.page.getByRole('dialog', { name: 'Picture' }).waitFor();
      await closeIt();
      await ben.page.getByRole('dialog').waitFor({ state: 'detached' });
      await composer(ben.page, ann.fullName).waitFor();
    }
    await ben.page.goBack();
    await composer(ben.page, ann.fullName).waitFor({ state: 'detached' });
  });

  it('stays where it is when a file is dropped beside the conversation', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    await ann.page.getByRole('navigation', { name: 'Conversations' }).waitFor();
    // As text: the tests are compiled without the types of a page.
    const isRefused = await ann.page.evaluate(`(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['words'], 'notes.txt'));
      const drop = new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer });
      document.querySelector('nav').dispatchEvent(drop);
      return drop.defaultPrevented;
    })()`);
    expect(isRefused).toBe(true);
  });

  it('makes a group, shares it live, and takes it from who is removed', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    const ben = await visit(browser, url(), uniqueName('Ben'));
    const group = uniqueName('Group');
    await ann.page.getByRole('button', { name: 'New group' }).click();
    await ann.page.getByLabel('Name', { exact: true }).fill(group);
    await ann.page.getByLabel('Add people').fill(ben.fullName);
    await ann.page.getByRole('checkbox', { name: ben.fullName }).check();
    await ann.page.getByRole('button', { name: 'Create group' }).click();

    await openConversation(ben.page, group);
    await write(ann.page, group, 'Welcome');
    await messageList(ben.page).getByText('Welcome').waitFor();
    await write(ben.page, group, 'Thank you');
    await messageList(ann.page).getByText('Thank you').waitFor();

    await ann.page.getByRole('button', { name: 'Group details' }).click();
    await ann.page.getByRole('button', { name: `Remove ${ben.fullName}` }).click();
    await ann.page.getByRole('button', { name: 'Remove', exact: true }).click();
    await ben.page.getByText(`You are no longer in “${group}”`).waitFor();
    await conversationLink(ben.page, group).waitFor({ state: 'detached' });
  });

  it('keeps a dialog within a phone, however long the names in it', async () => {
    const phone = { viewport: { width: 390, height: 844 } };
    const long = 'x'.repeat(limits.nameLength);
    const ann = await visit(browser, url(), uniqueName('Ann'), phone);
    const ben = await signUp(url(), long);
    const group = 'g'.repeat(limits.nameLength);
    const body = { name: group, memberIds: [ben.id] };
    await call(url(), 'POST', '/api/groups', { as: ann, body });
    // It grows a little as it appears.
    const fits = (name: string) =>
      expect
        .poll(async () => {
          const box = await ann.page.getByRole('dialog', { name }).boundingBox();
          return { left: box?.x, width: box?.width };
        })
        .toEqual({ left: 0, width: 390 });
    await openConversation(ann.page, group);
    await ann.page.getByRole('button', { name: 'Group details' }).click();
    await fits('Group details');
    await ann.page.getByRole('button', { name: 'Add people' }).click();
    await fits(`Add people to ${group}`);
  });

  it('keeps history and the open conversation over a reload', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    const ben = await signUp(url(), uniqueName('Ben'));
    await ann.page.reload();
    await openConversation(ann.page, ben.fullName);
    await write(ann.page, ben.fullName, 'Still here');
    await messageList(ann.page).getByLabel('Sent').waitFor();
    await ann.page.reload();
    await messageList(ann.page).getByText('Still here').waitFor();
    expect(await shownMessages(ann.page)).toHaveLength(1);
  });

  it('has told what was read before the page was left, of every conversation', async () => {
    const { page, ...ann } = await visit(browser, url(), uniqueName('Ann'));
    const writers = [];
    for (const name of ['Ben', 'Cleo', 'Dora']) {
      const writer = await signUp(url(), uniqueName(name));
      const body = { text: `Hello from ${writer.fullName}` };
      await call(url(), 'POST', `/api/messages/send/${ann.id}`, { as: writer, body });
      writers.push(writer);
    }
    const unread = async () => {
      const { body } = await call<Contact[]>(server.url, 'GET', '/api/messages/users', { as: ann });
      return body.map(({ unreadCount }) => unreadCount);
    };
    expect(await unread()).toEqual([1, 1, 1]);
    // Each but the first waits for its turn; the clock of the page stands still.
    await page.clock.install();
    await page.reload();
    await conversationLink(page, writers[0]?.fullName ?? '').waitFor();
    await page.clock.pauseAt(Date.now() + 60_000);
    for (const { fullName } of writers) {
      await conversationLink(page, fullName).click();
      await messageList(page).getByText(`Hello from ${fullName}`).waitFor();
      await conversationLink(page, fullName).getByText('1 unread').waitFor({ state: 'detached' });
    }
    await page.goto('about:blank');
    await expect.poll(unread).toEqual([0, 0, 0]);
  });

  it('keeps unsent words over a reload, until they are sent or one logs out', async () => {
    const ben = await signUp(url(), uniqueName('Ben'));
    const cleo = await signUp(url(), uniqueName('Cleo'));
    const { page } = await visit(browser, url(), uniqueName('Ann'));
    const kept = () => page.evaluate('JSON.stringify(localStorage)');
    await openConversation(page, ben.fullName);
    await composer(page, ben.fullName).fill('Half a thought');
    await openConversation(page, cleo.fullName);
    await composer(page, cleo.fullName).fill('Another one');
    await page.reload();
    expect(await composer(page, cleo.fullName).inputValue()).toBe('Another one');
    await openConversation(page, ben.fullName);
    expect(await composer(page, ben.fullName).inputValue()).toBe('Half a thought');

    await composer(page, ben.fullName).press('Enter');
    await messageList(page).getByText('Half a thought').waitFor();
    await page.reload();
    await messageList(page).getByLabel('Sent').waitFor();
    expect(await composer(page, ben.fullName).inputValue()).toBe('');
    expect(await kept()).toContain('Another one');

    await page.getByRole('button', { name: /^Your account/ }).click();
    await page.getByRole('menuitem', { name: 'Log out' }).click();
    await page.getByRole('button', { name: 'Log in' }).waitFor();
    expect(await kept()).not.toContain('Another one');
  });

  it('loads older messages as one scrolls up, and keeps the place', async () => {
    const ben = await signUp(url(), uniqueName('Ben'));
    const ann = await visit(browser, url(), uniqueName('Ann'));
    for (let count = 1; count <= 150; count += 1) {
      const body = { text: `Number ${count}!` };
      await call<Message>(url(), 'POST', `/api/messages/send/${ben.id}`, { as: ann, body });
    }
    await ann.page.reload();
    await openConversation(ann.page, ben.fullName);
    await messageList(ann.page).getByText('Number 150!').waitFor();
    expect(await messageList(ann.page).getByText('Number 60!').count()).toBe(0);

    // The older page is held back until it is known what was where before it.
    let goOn = () => {};
    const measured = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    await ann.page.route(/[?&]before=/, async (route) => {
      await measured;
      await route.continue();
    });
    const reference = messageList(ann.page).getByText('Number 105!');
    await reference.scrollIntoViewIfNeeded();
    const before = await reference.boundingBox();
    goOn();
    await messageList(ann.page).getByText('Number 60!').waitFor();
    const after = await reference.boundingBox();
    expect(Math.abs((after?.y ?? 0) - (before?.y ?? 0))).toBeLessThan(4);

    await expect
      .poll(async () => {
        await messageList(ann.page).press('Home');
        return messageList(ann.page).getByText('Number 1!').isVisible();
      })
      .toBe(true);
    await ann.page.getByRole('button', { name: 'Jump to newest' }).click();
    await messageList(ann.page).getByText('Number 150!').waitFor();
    const numbers = (await shownMessages(ann.page)).map((text) => /Number (\d+)!/.exec(text)?.[1]);
    expect(numbers).toEqual(Array.from({ length: 150 }, (_, index) => String(index + 1)));
  });

  it('keeps what is written offline, and sends it once and in order afterwards', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    const ben = await visit(browser, url(), uniqueName('Ben'));
    await openConversation(ann.page, ben.fullName);
    await openConversation(ben.page, ann.fullName);
    await write(ann.page, ben.fullName, 'Before');
    await messageList(ben.page).getByText('Before').waitFor();
    // Ben may have it before Ann has her acknowledgement; without that it would wait, too.
    const sending = () => messageList(ann.page).getByLabel('Sending').count();
    await expect.poll(sending).toBe(0);

    network.cut();
    for (const text of ['First', 'Second', 'Third']) await write(ann.page, ben.fullName, text);
    await ann.page.getByText('3 messages wait to be sent').waitFor();
    expect(await sending()).toBe(3);

    network.restore();
    await messageList(ben.page).getByText('Third').waitFor({ timeout: 20_000 });
    await expect.poll(sending).toBe(0);
    await ann.page.getByText('No connection').waitFor({ state: 'detached' });
    const texts = ['Before', 'First', 'Second', 'Third'];
    for (const page of [ann.page, ben.page]) {
      const shown = await shownMessages(page);
      expect(shown.map((text) => texts.find((word) => text.includes(word)))).toEqual(texts);
    }
  });

  it('loads by itself after an interruption what could not be loaded during it', async () => {
    const ben = await signUp(url(), uniqueName('Ben'));
    const ann = await visit(browser, url(), uniqueName('Ann'));
    for (const text of ['One', 'Two']) {
      await call(url(), 'POST', `/api/messages/send/${ben.id}`, { as: ann, body: { text } });
    }
    await ann.page.reload();
    await conversationLink(ann.page, ben.fullName).waitFor();
    network.cut();
    await openConversation(ann.page, ben.fullName);
    await ann.page.getByText('The messages could not be loaded').waitFor();
    network.restore();
    await messageList(ann.page).getByText('One').waitFor();
  });

  it('sends after a restart of the page what was written before it', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    const ben = await visit(browser, url(), uniqueName('Ben'));
    await openConversation(ann.page, ben.fullName);
    await messageList(ann.page).waitFor();
    network.cut();
    await write(ann.page, ben.fullName, 'Written offline');
    await messageList(ann.page).getByLabel('Sending').waitFor();
    // It is shown at once and kept a moment later, which a closed page would not live to see.
    await expect.poll(() => ann.page.evaluate(countKept(ann.id))).toBe(1);
    await ann.page.close();
    network.restore();
    const page = await ann.page.context().newPage();
    await page.goto(url());
    await openConversation(ben.page, ann.fullName);
    await messageList(ben.page).getByText('Written offline').waitFor();
    expect(await shownMessages(ben.page)).toHaveLength(1);
  });

  it('says why a message was refused, and offers to retry or discard it', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    const ben = await signUp(url(), uniqueName('Ben'));
    await ann.page.reload();
    await openConversation(ann.page, ben.fullName);
    const add = async () => {
      await ann.page.getByLabel('Files', { exact: true }).setInputFiles({
        name: 'green.png',
        mimeType: 'image/png',
        buffer: await picture(),
      });
      await ann.page.getByAltText('To be sent').waitFor();
      await composer(ann.page, ben.fullName).press('Enter');
    };
    const refusal = { status: 400, detail: 'Not this one', code: 'invalid_image' };
    await ann.page.route('**/api/attachments', (route) =>
      route.fulfill({ status: 400, json: refusal }),
    );
    await add();
    await ann.page.getByText('Not sent: Not this one').waitFor();
    await ann.page.unroute('**/api/attachments');
    await ann.page.getByRole('button', { name: 'Retry' }).click();
    await messageList(ann.page).getByLabel('Sent', { exact: true }).waitFor();

    await ann.page.route('**/api/attachments', (route) =>
      route.fulfill({ status: 400, json: refusal }),
    );
    await add();
    await ann.page.getByRole('button', { name: 'Discard' }).click();
    await expect.poll(async () => (await shownMessages(ann.page)).length).toBe(1);
  });

  it('logs out, and in again', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    await ann.page.getByRole('button', { name: /^Your account/ }).click();
    await ann.page.getByRole('menuitem', { name: 'Log out' }).click();
    await ann.page.getByLabel('E-mail').fill(ann.email);
    await ann.page.getByLabel('Password').fill('not the password');
    await ann.page.getByRole('button', { name: 'Log in' }).click();
    await ann.page.getByRole('alert').waitFor();
    await ann.page.getByLabel('Password').fill(PASSWORD);
    await ann.page.getByRole('button', { name: 'Log in' }).click();
    await ann.page.getByRole('navigation', { name: 'Conversations' }).waitFor();
  });

  it('says when it could not log out', async () => {
    const { page } = await visit(browser, url(), uniqueName('Ann'));
    await page.getByRole('button', { name: /^Your account/ }).click();
    network.cut();
    await page.getByRole('menuitem', { name: 'Log out' }).click();
    const dialog = page.getByRole('alertdialog', { name: 'You are still logged in' });
    await dialog.waitFor();
    network.restore();
    await dialog.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('button', { name: 'Log in' }).waitFor();
  });

  it('ends all other sessions at once', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    const body = { email: ann.email, password: PASSWORD };
    for (let count = 0; count < 2; count += 1) {
      await call(url(), 'POST', '/api/auth/login', { body });
    }
    await ann.page.getByRole('button', { name: /^Your account/ }).click();
    await ann.page.getByRole('menuitem', { name: 'Sessions' }).click();
    const sessions = ann.page.getByRole('dialog', { name: 'Sessions' }).getByRole('listitem');
    await expect.poll(() => sessions.count()).toBe(3);
    await ann.page.getByRole('button', { name: 'End all others' }).click();
    await expect.poll(() => sessions.count()).toBe(1);
    await sessions.getByText('This one').waitFor();
  });

  it('tells a page whose session was ended elsewhere', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    await ann.page.getByRole('navigation', { name: 'Conversations' }).waitFor();
    const elsewhere = await openPage(browser, url());
    await elsewhere.getByLabel('E-mail').fill(ann.email);
    await elsewhere.getByLabel('Password').fill(PASSWORD);
    await elsewhere.getByRole('button', { name: 'Log in' }).click();
    await elsewhere.getByRole('button', { name: /^Your account/ }).click();
    await elsewhere.getByRole('menuitem', { name: 'Sessions' }).click();
    await elsewhere.getByRole('button', { name: /^End session/ }).click();
    await ann.page.getByRole('button', { name: 'Log in' }).waitFor();
    await ann.page.getByRole('status').waitFor();
  });

  it('opens the first hit of a search with Enter, and shows the whole list again', async () => {
    const ben = await signUp(url(), uniqueName('Ben'));
    const cleo = await signUp(url(), uniqueName('Cleo'));
    const ann = await visit(browser, url(), uniqueName('Ann'));
    const search = ann.page.getByRole('searchbox', { name: 'Search people, groups and messages' });
    await conversationLink(ann.page, ben.fullName).waitFor();
    await search.fill(cleo.fullName.toUpperCase());
    await search.press('Enter');
    await composer(ann.page, cleo.fullName).waitFor();
    await conversationLink(ann.page, ben.fullName).waitFor();
    expect(await search.inputValue()).toBe('');
    expect(await composer(ann.page, cleo.fullName).inputValue()).toBe('');

    await search.fill(ben.fullName);
    await conversationLink(ann.page, ben.fullName).click();
    await conversationLink(ann.page, cleo.fullName).waitFor();
    expect(await search.inputValue()).toBe('');
  });

  it('can be used with the keyboard alone', async () => {
    const ann = await visit(browser, url(), uniqueName('Ann'));
    const ben = await signUp(url(), uniqueName('Ben'));
    await ann.page.reload();
    await conversationLink(ann.page, ben.fullName).waitFor();
    await ann.page.keyboard.press('Control+k');
    await ann.page.keyboard.type(ben.fullName);
    await expect.poll(() => ann.page.locator('nav a').count()).toBe(1);
    await ann.page.keyboard.press('ArrowDown');
    await ann.page.keyboard.press('Enter');
    await composer(ann.page, ben.fullName).focus();
    await ann.page.keyboard.type('By keys');
    await ann.page.keyboard.press('Enter');
    await messageList(ann.page).getByText('By keys').waitFor();
  });
});
