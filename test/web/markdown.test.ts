import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { wordsOf } from '../../src/web/state/markdown.ts';
import { call, type Person, signUp } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import {
  composer,
  conversationLink,
  isWithoutBrowser,
  messageList,
  openBrowser,
  openConversation,
  openPage,
} from './browser.ts';

const fence = '```';

describe('the words of a text', () => {
  it.each([
    ['nothing *to* __see__', 'nothing to see'],
    [`look:\n${fence}js\nconst a = 1;\n${fence}\nthere`, 'look: const a = 1; there'],
    ['- one\n- two', 'one two'],
    ['> said\n\nanswered', 'said answered'],
    ['[our page](https://example.org) and `code`', 'our page and code'],
    ['two\nlines', 'two lines'],
    ['# not a heading', '# not a heading'],
    ['**', '**'],
    ['2 * 3 * 4', '2 * 3 * 4'],
    ['snake_case_name', 'snake_case_name'],
  ])('%j', (text, words) => {
    expect(wordsOf(text)).toBe(words);
  });
});

describe.skipIf(isWithoutBrowser)('Markdown in the web client', { timeout: 60_000 }, () => {
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
    [ann, ben] = await Promise.all([
      signUp(server.url, 'Ann Archer'),
      signUp(server.url, 'Ben Baker'),
    ]);
    page = await openPage(browser, server.url, ann);
    await openConversation(page, ben.fullName);
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await server.close();
  });

  /** Ben writes it; what Ann sees of it. */
  async function shown(text: string) {
    const path = `/api/messages/send/${ann.id}`;
    expect((await call(server.url, 'POST', path, { as: ben, body: { text } })).status).toBe(201);
    const words = page.locator('.markdown, .whitespace-pre-wrap');
    const row = messageList(page).getByRole('listitem').filter({ has: words }).last();
    await row.waitFor();
    return row;
  }

  it('shows what is marked up as what it means', async () => {
    const row = await shown(
      '**bold** _italic_ ~~gone~~ `code`\n\n- one\n- two\n\n3. three\n\n> said\n\nhttps://example.org/a_b_c.',
    );
    expect(await row.locator('strong').textContent()).toBe('bold');
    expect(await row.locator('em').textContent()).toBe('italic');
    expect(await row.locator('s').textContent()).toBe('gone');
    expect(await row.locator('p code').textContent()).toBe('code');
    expect(await row.locator('ul li').allTextContents()).toEqual(['one', 'two']);
    expect(await row.locator('ol').getAttribute('start')).toBe('3');
    expect((await row.locator('blockquote').textContent())?.trim()).toBe('said');
    const link = row.locator('a');
    expect(await link.getAttribute('href')).toBe('https://example.org/a_b_c');
    expect(await link.getAttribute('rel')).toBe('nofollow noopener noreferrer');
    expect(await link.getAttribute('target')).toBe('_blank');
  });

  it('colours code whose language is named', async () => {
    const row = await shown(`${fence}ts\nconst answer: number = 42;\n${fence}`);
    await row.locator('pre .hljs-keyword').first().waitFor();
    expect(await row.locator('pre').textContent()).toBe('const answer: number = 42;');
    const other = await shown(`${fence}nonsense\n<b>1 < 2</b>\n${fence}`);
    await expect.poll(() => other.locator('pre').textContent()).toBe('<b>1 < 2</b>');
  });

  it('lets nothing in that is not Markdown', async () => {
    let asked = '';
    page.on('dialog', (dialog) => {
      asked = dialog.message();
      void dialog.dismiss();
    });
    const texts = [
      '<img src=x onerror=alert(1)> *a*',
      '<script>alert(2)</script> *b*',
      '[c](javascript:alert(3)) [d](data:text/html,x) [e](//example.org) *c*',
      '![f](https://example.org/f.png) <https://example.org/"onmouseover="alert(4)> *d*',
      `${fence}html\n<img src=x onerror=alert(5)>\n${fence}`,
      '# *e*\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n    *code*',
    ];
    for (const text of texts) {
      const row = await shown(text);
      await row.locator('.markdown').waitFor();
    }
    const list = messageList(page);
    for (const tag of ['.markdown img', 'script', 'h1', 'table', '[onerror]', '[onmouseover]']) {
      expect(await list.locator(tag).count(), tag).toBe(0);
    }
    const links = await list
      .locator('.markdown a')
      .evaluateAll((all) => all.map((one) => (one as unknown as { href: string }).href));
    for (const link of links) expect(link).toMatch(/^https:\/\/example\.org\//);
    expect(await list.textContent()).toContain('<img src=x onerror=alert(1)> a');
    expect(asked).toBe('');
  });

  it('leaves plain text as it was typed', async () => {
    const text = 'a  b &amp; c\n\n\nsnake_case 2 * 3 README.md  <3 ¯\\_(ツ)_/¯ \\\\server';
    const row = await shown(text);
    const words = row.locator('.markdown');
    expect(await words.innerText()).toBe(
      'a  b &amp; c\n\nsnake_case 2 * 3 README.md  <3 ¯\\_(ツ)_/¯ \\\\server',
    );
    expect(await words.locator('em, a').count()).toBe(0);
    const plain = await shown('a  b\n\n\n  c');
    expect(await plain.locator('.whitespace-pre-wrap').innerText()).toBe('a  b\n\n\n  c');
  });

  it('shows what is nothing but marks as it was typed', async () => {
    for (const text of ['*', '>', '~~~', `${fence}ts\n${fence}`, '[](https://example.org)']) {
      const row = await shown(text);
      expect(await row.locator('.whitespace-pre-wrap').innerText()).toBe(text);
    }
  });

  it('does not take an answer for a part of the quote', async () => {
    const row = await shown(`> said\n> more\nanswered\n\n${fence}\n> a\nb\n${fence}`);
    expect((await row.locator('blockquote').innerText()).trim()).toBe('said\nmore');
    expect(await row.locator('pre').textContent()).toBe('> a\nb');
  });

  it('shows the words alone in the list of conversations', async () => {
    await shown('**Dinner** at `eight`');
    await expect
      .poll(() => conversationLink(page, ben.fullName).textContent())
      .toContain('Dinner at eight');
  });

  it('marks up what is selected by keys, and takes it back', async () => {
    const box = composer(page, ben.fullName);
    await box.fill('see you');
    await box.press('ControlOrMeta+a');
    await box.press('ControlOrMeta+b');
    expect(await box.inputValue()).toBe('**see you**');
    await box.press('ControlOrMeta+b');
    expect(await box.inputValue()).toBe('see you');
    await box.press('ControlOrMeta+i');
    await box.press('ControlOrMeta+z');
    expect(await box.inputValue()).toBe('see you');
    await box.press('ControlOrMeta+a');
    await box.press('ControlOrMeta+Shift+x');
    await box.press('Enter');
    await messageList(page).locator('s', { hasText: 'see you' }).waitFor();
  });
});
