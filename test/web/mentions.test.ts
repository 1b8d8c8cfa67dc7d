import fc from 'fast-check';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mentionPattern } from '../../src/protocol/mentions.ts';
import type { Group, Message } from '../../src/protocol/types.ts';
import { MessageStore } from '../../src/web/client/message-store.ts';
import { wordsOf } from '../../src/web/state/markdown.ts';
import { isInCode, mentionsOf, toEdit, withTokens } from '../../src/web/state/mentions.ts';
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
  write,
} from './browser.ts';
import { group, message, other, own } from './message.ts';

const ann = { id: '1'.repeat(24), name: 'Ann Archer' };
const annette = { id: '2'.repeat(24), name: 'Ann' };
const ipek = { id: '3'.repeat(24), name: 'İpek O’Neill' };
const twin = { id: '4'.repeat(24), name: 'Max' };
const otherTwin = { id: '5'.repeat(24), name: 'max' };
const members = [ann, annette, ipek, twin, otherTwin];
const nameOf = (id: string) => members.find((one) => one.id === id)?.name ?? 'Former member';
const at = ({ id }: { id: string }) => `<@${id}>`;

describe('what is written becomes', () => {
  it.each([
    ['a whole name that is one person’s', 'hi @Ann Archer, hi', `hi ${at(ann)}, hi`],
    ['the longest name', '@Ann Archer @Ann archery', `${at(ann)} ${at(annette)} archery`],
    ['a name in another case', '@ann archer', at(ann)],
    ['a name with other letters', `@İpek O’Neill’s`, `${at(ipek)}’s`],
    ['nobody of two with one name', '@Max', '@Max'],
    ['nobody by a part of a longer word', '@Annabel ann@Ann', '@Annabel ann@Ann'],
    ['everyone', '(@all)', '(<@all>)'],
    ['nothing in code', '`@Ann` @Ann ``a ` @Ann``', `\`@Ann\` ${at(annette)} \`\`a \` @Ann\`\``],
    [
      'nothing in a block',
      '@Ann\n```\n@Ann\n```\n@Ann',
      `${at(annette)}\n\`\`\`\n@Ann\n\`\`\`\n${at(annette)}`,
    ],
    ['nothing in a block without an end', '```\n@Ann', '```\n@Ann'],
  ])('%s', (_what, text, sent) => {
    expect(withTokens(text, [], members)).toBe(sent);
  });

  it('who was chosen, of two with one name in the order of choosing', () => {
    expect(withTokens('@Max @max @Max', [otherTwin, twin], members)).toBe(
      `${at(otherTwin)} ${at(twin)} ${at(twin)}`,
    );
    // Also under a name that they no longer have.
    const before = { ...ann, name: 'Ann Smith' };
    expect(withTokens('@Ann Smith', [before], members)).toBe(at(ann));
  });

  it('the same again after an edit that changes nothing', () => {
    const part = fc.oneof(
      fc.constantFrom(...members, { id: 'all' }).map(at),
      fc.constantFrom('`', '```', '\n', ' ', ', ', 'a', '@Ann', '@', '~~~', '**'),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        const mentions = [...text.matchAll(mentionPattern())].map(([, id = '']) => id);
        const draft = toEdit({ text, mentions }, nameOf);
        expect(withTokens(draft.text, draft.mentions, [])).toBe(text);
      }),
    );
    const draft = toEdit({ text: `hi ${at(ann)}`, mentions: [ann.id] }, nameOf);
    expect(draft).toEqual({ text: 'hi @Ann Archer', mentions: [ann] });
    expect(isInCode('a `b` c', 3)).toBe(true);
    expect(isInCode('a `b` c', 6)).toBe(false);
  });
});

describe('what is shown', () => {
  const words = (text: string, mentions?: string[]) =>
    wordsOf(text, mentionsOf(mentions, nameOf, annette.id));
  it('has the names of those who are mentioned, and of nobody else', () => {
    const text = `**hi** ${at(ann)}, \`${at(ann)}\` ${at(ipek)} <@all>`;
    expect(words(text, [ann.id, 'all'])).toBe(`hi @Ann Archer, ${at(ann)} ${at(ipek)} @all`);
    expect(words(text)).toBe(`hi ${at(ann)}, ${at(ann)} ${at(ipek)} <@all>`);
    expect(words(`${'a'.repeat(290)} ${at(ann)}`, [ann.id])).toBe(`${'a'.repeat(290)} `);
  });
});

describe('unread mentions of a client', () => {
  const named = (seq: number, over: Partial<Message> = {}) =>
    message(seq, { conversationId: group, mentions: [own], ...over });
  const plain = (seq: number, over: Partial<Message> = {}) =>
    message(seq, { conversationId: group, ...over });
  const listed = (seqs: number[], upTo: number, rev = 0) => ({
    ...{
      conversationId: group,
      readSeq: 0,
      rev,
      lastMessage: plain(upTo),
      mentions: { seqs, upTo },
    },
  });
  const count = (store: MessageStore) => store.summaries().get(group)?.mentions;

  it('are what the list says, and what came since', () => {
    const store = new MessageStore(own);
    store.seed([listed([1, 3], 4)]);
    expect(count(store)).toBe(2);
    for (const one of [named(5), named(5), plain(6), named(7, { mentions: ['all'] })]) {
      store.receive(one);
    }
    expect(count(store)).toBe(4);
    // A list that was read before the last two.
    store.seed([listed([1, 3], 4)]);
    expect(count(store)).toBe(4);
    store.noteRead({ conversationId: group, userId: own, seq: 3 });
    expect(count(store)).toBe(2);
    store.noteRead({ conversationId: group, userId: other, seq: 7 });
    expect(count(store)).toBe(2);
    store.receive(plain(8, { senderId: own, mentions: ['all'] }));
    expect(count(store)).toBe(0);
  });

  it('follow edits and deletions, whichever is known first', () => {
    const store = new MessageStore(own);
    store.seed([listed([2], 3)]);
    store.receiveChange(plain(2, { rev: 1 }));
    expect(count(store)).toBe(0);
    store.seed([listed([2], 3)]);
    expect(count(store)).toBe(0);
    store.receiveChange(named(1, { rev: 2 }));
    expect(count(store)).toBe(1);
    // A list from before both, and one from after.
    store.seed([listed([2], 3)]);
    expect(count(store)).toBe(1);
    store.seed([listed([], 3, 3)]);
    expect(count(store)).toBe(0);
    store.receiveChange(named(3, { rev: 4 }));
    store.receiveChange(plain(3, { rev: 5, deletedAt: plain(3).createdAt }));
    expect(count(store)).toBe(0);
  });

  it('are gone with the group', () => {
    const store = new MessageStore(own);
    store.seed([listed([1], 1)]);
    store.forget(group);
    store.seed([{ conversationId: group, readSeq: 0, rev: 0 }]);
    expect(count(store)).toBe(0);
  });
});

describe.skipIf(isWithoutBrowser)('mentions in the web client', { timeout: 60_000 }, () => {
  let server: TestServer;
  let browser: Browser;
  let ann: Person;
  let ben: Person;
  let bella: Person;
  let groupId: string;
  let page: Page;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    server = await startTestServer();
    [ann, ben, bella] = await Promise.all([
      signUp(server.url, 'Ann Archer'),
      signUp(server.url, 'Ben Baker'),
      signUp(server.url, 'Bella Brown'),
    ]);
    const body = { name: 'Friends', memberIds: [ben.id, bella.id] };
    const made = await call<Group>(server.url, 'POST', '/api/groups', { as: ann, body });
    groupId = made.body._id;
    page = await openPage(browser, server.url, ann);
    await openConversation(page, 'Friends');
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await server.close();
  });

  const stored = async () =>
    (await call<Message[]>(server.url, 'GET', `/api/groups/${groupId}/messages`, { as: ann })).body;
  const post = async (as: Person, text: string) =>
    (
      await call<Message>(server.url, 'POST', `/api/groups/${groupId}/messages`, {
        as,
        body: { text },
      })
    ).body;
  const options = () => page.getByRole('listbox').getByRole('option');
  const marked = () => page.getByRole('option', { selected: true });
  const chips = (on = page) => messageList(on).locator('.mention');
  const box = () => composer(page, 'Friends');

  it('are chosen by keys, shown by name, and stay with who is renamed', async () => {
    await box().pressSequentially('hello @b');
    await expect.poll(() => options().allTextContents()).toHaveLength(2);
    expect(await marked().textContent()).toContain('Bella Brown');
    const active = await box().getAttribute('aria-activedescendant');
    expect(active).toBe(await marked().getAttribute('id'));
    await box().press('ArrowDown');
    await expect.poll(() => marked().textContent()).toContain('Ben Baker');
    await box().press('Enter');
    await expect.poll(() => box().inputValue()).toBe('hello @Ben Baker ');
    expect(await options().count()).toBe(0);
    await box().pressSequentially('and @al');
    await expect.poll(() => marked().textContent()).toContain('all');
    await box().press('Tab');
    await box().pressSequentially('!');
    await box().press('Enter');
    await expect.poll(() => chips().allTextContents()).toEqual(['@Ben Baker', '@all']);
    await messageList(page).getByLabel('Sent', { exact: true }).waitFor();
    expect(await stored()).toMatchObject([
      { text: `hello <@${ben.id}> and <@all> !`, mentions: [ben.id, 'all'] },
    ]);
    const body = { fullName: 'Benjamin Baker' };
    await call(server.url, 'PUT', '/api/auth/update-profile', { as: ben, body });
    await expect.poll(() => chips().allTextContents()).toEqual(['@Benjamin Baker', '@all']);
    await expect
      .poll(() => conversationLink(page, 'Friends').textContent())
      .toContain('You: hello @Benjamin Baker and @all !');
  });

  it('are edited by their names, and closed by Escape', async () => {
    await post(ann, `ask <@${ben.id}>, not me`);
    await chips().waitFor();
    await box().press('ArrowUp');
    await expect.poll(() => box().inputValue()).toBe('ask @Ben Baker, not me');
    await box().press('Home');
    await box().pressSequentially('@bel');
    await expect.poll(() => options().count()).toBe(1);
    await box().press('Escape');
    await expect.poll(() => options().count()).toBe(0);
    // It closed the list alone.
    expect(await box().inputValue()).toBe('@belask @Ben Baker, not me');
    for (let left = 4; left > 0; left--) await box().press('Backspace');
    await box().press('End');
    await box().pressSequentially(' but @bel');
    await options().first().click();
    await expect.poll(() => box().inputValue()).toContain('but @Bella Brown ');
    await box().press('Enter');
    await expect.poll(() => chips().allTextContents()).toEqual(['@Ben Baker', '@Bella Brown']);
    expect((await stored())[0]).toMatchObject({ mentions: [ben.id, bella.id] });
  });

  it('outlast the page in a draft, also of two people with one name', async () => {
    const second = await signUp(server.url, 'Ben Baker');
    const body = { memberIds: [second.id] };
    await call(server.url, 'POST', `/api/groups/${groupId}/members`, { as: ann, body });
    await box().pressSequentially('@ben');
    await expect.poll(() => options().count()).toBe(2);
    await box().press('ArrowDown');
    const chosen = await marked().evaluate((one) => (one as unknown as { id: string }).id);
    expect(chosen).toMatch(/-1$/);
    await box().press('Enter');
    await page.reload();
    await expect.poll(() => box().inputValue()).toBe('@Ben Baker ');
    await box().press('Enter');
    await chips().waitFor();
    const [message] = await stored();
    expect([ben.id, second.id]).toContain(message?.mentions?.[0]);
  });

  it('are marked in the list as they come, and until they are read on any device', async () => {
    const away = await openPage(browser, server.url, ben);
    const link = conversationLink(away, 'Friends');
    await link.waitFor();
    await write(page, 'Friends', '@Ben Baker first');
    await expect.poll(() => link.textContent()).toContain('1 mention, ');
    const all = await post(ann, '<@all> second');
    await post(ann, 'third');
    await expect.poll(() => link.textContent()).toContain('2 mentions, 3 unread');
    expect(await link.textContent()).toContain('Ann: third');
    await away.reload();
    await expect.poll(() => link.textContent()).toContain('2 mentions, 3 unread');
    const change = { as: ann, body: { text: 'second' } };
    await call(server.url, 'PATCH', `/api/messages/${all._id}`, change);
    await expect.poll(() => link.textContent()).toContain('1 mention, 3 unread');
    const read = { as: ben, body: { seq: 1 } };
    await call(server.url, 'POST', `/api/groups/${groupId}/read`, read);
    await expect.poll(() => link.textContent()).toContain('2 unread');
    expect(await link.textContent()).not.toContain('mention');
    // Who is named sees it.
    await openConversation(away, 'Friends');
    await expect.poll(() => messageList(away).locator('.mention-own').count()).toBe(1);
  });
});
