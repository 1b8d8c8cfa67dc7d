/** A real browser for the tests, where there is one. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { type Person, signUp } from '../support/client.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

function findChromium(): string | undefined {
  const folders = ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)];
  const paths = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const executablePath = findChromium();
const isRequired = process.env.BROWSER_TESTS === 'required';

/** Whether the browser tests have to be left out; says how to get the browser. */
export const isWithoutBrowser = executablePath === undefined && !isRequired;
if (isWithoutBrowser) {
  process.stderr.write(
    'Browser tests skipped: no Chromium found. Debian, Ubuntu: apt-get install chromium\n',
  );
}

/** Starts the browser, with a new profile. */
export async function openBrowser(): Promise<Browser> {
  if (executablePath === undefined) throw new Error('BROWSER_TESTS=required, but no Chromium');
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

export interface Visitor extends Person {
  page: Page;
}

/** Someone with an account of their own and a page of their own, already logged in. */
export async function visit(
  browser: Browser,
  url: string,
  fullName: string,
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const person = await signUp(url, fullName);
  return { ...person, page: await openPage(browser, url, person, options) };
}

/** A further page of a person, as on another device. */
export async function openPage(
  browser: Browser,
  url: string,
  person?: Person,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', ...options });
  context.setDefaultTimeout(10_000);
  if (person) await context.addCookies([{ name: 'jwt', value: person.token, url }]);
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** Opens the conversation with someone from the list. */
export async function openConversation(page: Page, name: string): Promise<void> {
  await conversationLink(page, name).click();
  await composer(page, name).waitFor();
}

export const conversationLink = (page: Page, name: string) =>
  page.getByRole('navigation', { name: 'Conversations' }).getByRole('link', { name });

export const composer = (page: Page, name: string) => page.getByLabel(`Message to ${name}`);

/** Writes a message into the open conversation and sends it with Enter. */
export async function write(page: Page, name: string, text: string): Promise<void> {
  await composer(page, name).fill(text);
  await composer(page, name).press('Enter');
}

export const messageList = (page: Page) => page.getByRole('region', { name: 'Messages' });

/** The texts shown, with what stands beside them. */
export const shownMessages = (page: Page): Promise<string[]> =>
  messageList(page).getByRole('listitem').allTextContents();
