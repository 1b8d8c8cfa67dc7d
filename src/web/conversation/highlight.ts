/** Colours code. It is large and seldom needed: only loaded with the first block of code. */
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import csharp from 'highlight.js/lib/languages/csharp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import kotlin from 'highlight.js/lib/languages/kotlin';
import php from 'highlight.js/lib/languages/php';
import python from 'highlight.js/lib/languages/python';
import ruby from 'highlight.js/lib/languages/ruby';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import swift from 'highlight.js/lib/languages/swift';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import type { Highlighter } from '../state/markdown.ts';

const languages = { bash, c, cpp, csharp, css, diff, go, java, javascript, json, kotlin, php };
const others = { python, ruby, rust, sql, swift, typescript, xml, yaml };
for (const [name, define] of Object.entries({ ...languages, ...others })) {
  hljs.registerLanguage(name, define);
}

/** Its time grows with the square of what is written to slow it down. */
const MOST_CHARACTERS = 2_000;

export const highlight: Highlighter = (code, language) =>
  code.length <= MOST_CHARACTERS && hljs.getLanguage(language)
    ? hljs.highlight(code, { language, ignoreIllegals: true }).value
    : undefined;
