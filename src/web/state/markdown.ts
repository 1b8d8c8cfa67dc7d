/**
 * A message's text as people write it in chats: bold, italics, strike, code, lists, quotes and
 * links of Markdown; no headings, tables, pictures or HTML. A text without any of them stays as it
 * is typed, with its lines and spaces; in others lines stay lines.
 */
import DOMPurify from 'dompurify';
import MarkdownIt from 'markdown-it';
import { mentionPattern } from '../../protocol/mentions.ts';
import { type Mention, type MentionOf, withNames } from './mentions.ts';

/** HTML of a block of code with its words coloured; undefined: not a language that is known. */
export type Highlighter = (code: string, language: string) => string | undefined;

/** What a text is shown with. */
type Env = {
  highlight?: Highlighter | undefined;
  mentionOf?: MentionOf | undefined;
};

/** Characters of a text that is shown in one line. */
const MAX_WORDS = 300;

/** Whether it could say anything else than the text itself: most messages could not. */
const markup = /[*_~`[\\<]|^[ \t]*(?:>|[-+][ \t]|\d+[.)][ \t])|https?:\/\/|mailto:/m;
/** After the fence of a block of code: a word. */
const language = /^[\w+#-]{1,30}$/;

const blocks = ['paragraph', 'list', 'blockquote', 'fence'];
const inlines = ['text', 'newline', 'escape', 'backticks', 'strikethrough', 'emphasis', 'link'];

const markdown = new MarkdownIt('zero', { breaks: true, linkify: true, html: false }).enable([
  ...blocks,
  ...inlines,
  'autolink',
  'linkify',
  'balance_pairs',
  'fragments_join',
]);
// A word with a dot is no address: people write README.md.
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
markdown.validateLink = (url) => /^(?:https?|mailto):/i.test(url.trim());
// People write ¯\_(ツ)_/¯ and \\server more often than they escape these two.
markdown.core.ruler.before('text_join', 'keep_backslashes', ({ tokens }) => {
  for (const child of tokens.flatMap(({ children }) => children ?? [])) {
    const isKept = child.content === '_' || child.content === '\\';
    if (child.type === 'text_special' && isKept) child.content = child.markup;
  }
});
// Somebody who is named. In code nothing is looked for, so there it stays a text.
markdown.inline.ruler.before('autolink', 'mention', (state, silent) => {
  const { mentionOf } = state.env as Env;
  if (mentionOf === undefined || state.src[state.pos] !== '<') return false;
  const pattern = mentionPattern('y');
  pattern.lastIndex = state.pos;
  const [token, id] = pattern.exec(state.src) ?? [];
  const mention = id === undefined ? undefined : mentionOf(id);
  if (token === undefined || mention === undefined) return false;
  if (!silent) {
    const made = state.push('mention', '', 0);
    made.content = `@${mention.name}`;
    made.meta = { ...mention };
  }
  state.pos += token.length;
  return true;
});
markdown.renderer.rules.mention = (tokens, index) => {
  const { content = '', meta } = tokens[index] ?? {};
  const look = (meta as Mention | undefined)?.isOwn ? 'mention mention-own' : 'mention';
  return `<span class="${look}">${markdown.utils.escapeHtml(content)}</span>`;
};
// A line without the mark is not a part of the quote: it answers it.
markdown.core.ruler.after('normalize', 'end_quotes', (state) => {
  state.src = endQuotes(state.src);
});
markdown.renderer.rules.ordered_list_open = (tokens, index, options, _env, self) => {
  const start = tokens[index]?.attrGet('start');
  if (start !== null && `${start}`.length > 2) tokens[index]?.attrSet('class', 'large');
  return self.renderToken(tokens, index, options);
};
markdown.renderer.rules.softbreak = () => '<br>';
markdown.renderer.rules.hardbreak = () => '<br>';
markdown.renderer.rules.link_open = (tokens, index, options, _env, self) => {
  tokens[index]?.attrSet('target', '_blank');
  tokens[index]?.attrSet('rel', 'nofollow noopener noreferrer');
  return self.renderToken(tokens, index, options);
};
markdown.renderer.rules.fence = (tokens, index, _options, env) => {
  const { content = '', info = '' } = tokens[index] ?? {};
  const code = content.replace(/\n$/, '');
  const named = languageOf(info);
  const coloured = named && (env as Env | undefined)?.highlight?.(code, named);
  return `<pre tabindex="0"><code>${coloured || markdown.utils.escapeHtml(code)}</code></pre>\n`;
};

function endQuotes(text: string): string {
  const lines: string[] = [];
  let isCode = false;
  let isQuote = false;
  for (const line of text.split('\n')) {
    const isMarked = !isCode && /^[ \t]*>/.test(line);
    if (isQuote && !isMarked) lines.push('');
    lines.push(line);
    isQuote = isMarked;
    if (/^[ \t]*(?:```|~~~)/.test(line)) isCode = !isCode;
  }
  return lines.join('\n');
}

const languageOf = (info: string): string | undefined => {
  const [word = ''] = info.trim().split(/\s/, 1);
  return language.test(word) ? word.toLowerCase() : undefined;
};

const allowed = {
  ALLOWED_TAGS: [
    ...['p', 'br', 'strong', 'em', 's', 'code', 'pre', 'span', 'a'],
    ...['ul', 'ol', 'li', 'blockquote'],
  ],
  ALLOWED_ATTR: ['href', 'target', 'rel', 'class', 'start', 'tabindex'],
};

/** Whether the text is nothing but text, so that it need not be looked into. */
export const isPlain = (text: string): boolean => !markup.test(text);

/** Whether there is a block of code that says what language it is in. */
export const namesLanguage = (text: string): boolean =>
  /^[ \t]*(?:```|~~~)[ \t]*[\w+#-]/m.test(text);

/**
 * HTML of a message's text, safe to be put into the page whatever the text is. Nothing when there
 * would be nothing to see, as of a lone mark.
 */
export function htmlOf(text: string, env: Env = {}): string | undefined {
  const html = DOMPurify.sanitize(markdown.render(text, env), allowed);
  return html.replace(/<[^>]*>/g, '').trim() === '' ? undefined : html;
}

/** The words alone, in one line, for where there is room for no more than that. */
export function wordsOf(whole: string, mentionOf?: MentionOf): string {
  // Not in the midst of somebody's id.
  const text = whole.slice(0, MAX_WORDS).replace(whole.length > MAX_WORDS ? /<@?\w*$/ : '', '');
  if (isPlain(text)) return text.replace(/\s+/g, ' ');
  const words: string[] = [];
  for (const token of markdown.parse(text, { mentionOf } satisfies Env)) {
    if (token.type === 'fence') words.push(token.content);
    if (token.type !== 'inline') continue;
    words.push(
      (token.children ?? [])
        .map(({ type, content }) => (/break$/.test(type) ? ' ' : content))
        .join(''),
    );
  }
  return words.join(' ').replace(/\s+/g, ' ').trim() || withNames(text, mentionOf);
}
