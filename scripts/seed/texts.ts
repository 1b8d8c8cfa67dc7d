/** Messages as colleagues and friends write them: short, with few words often and many seldom. */
import { createSampler, type Random, zipfWeights } from './random.ts';
import {
  adjectives,
  givenNames,
  nouns,
  places,
  replies,
  sentences,
  times,
  verbs,
} from './words.ts';

/** Of a hundred messages so many are a ready-made reply; the others have 1, 2, 3 … sentences. */
const REPLIES = 22;
const SENTENCES = createSampler([62, 24, 9, 4, 1]);

const slots: Record<string, readonly string[]> = {
  noun: nouns,
  verb: verbs,
  adjective: adjectives,
  time: times,
  place: places,
  name: givenNames,
};
type Part = string | ((random: Random) => string);

/** @returns a function that makes one text after the other. */
export function createTexts(random: Random): () => string {
  const pickers = new Map(
    Object.entries(slots).map(([slot, list]) => [slot, zipfPicker(list)] as const),
  );
  const patterns = sentences.map((sentence) =>
    // Every second part is the name of a slot.
    sentence
      .split(/\{(\w+)\}/)
      .map((text, index): Part => (index % 2 === 1 ? pickers.get(text) : undefined) ?? text),
  );
  const pickPattern = zipfPicker(patterns);
  const pickReply = zipfPicker(replies);
  const say = (): string => {
    let text = '';
    for (const part of pickPattern(random)) text += typeof part === 'string' ? part : part(random);
    return text;
  };
  return () => {
    if (random.below(100) < REPLIES) return pickReply(random);
    let text = say();
    for (let more = SENTENCES(random); more > 0; more--) text += ` ${say()}`;
    return text;
  };
}

/** Picks from a list by Zipf's law, the first most often. */
export function zipfPicker<T>(list: readonly T[]): (random: Random) => T {
  const sample = createSampler(zipfWeights(list.length));
  return (random) => list[sample(random)] as T;
}
