import type { WordModel } from './ngram-file.ts'

/** Writes recognized text like the user's text: "pee bee ex" as "PBX" by a listed pronunciation, "pbx" as "PBX" by the spelling in the text. */
export function createRewriter({ pronunciations, written }: Pick<WordModel, 'pronunciations' | 'written'>): (text: string) => string {
  const spoken = new Map(pronunciations.map((one) => [toKey(one.spoken), one.written]))
  const patterns = [...spoken.keys()]
    .filter(Boolean)
    .sort((a, b) => b.length - a.length)
    .map((words) => words.split(' ').map(RegExp.escape).join('[\\s,.-]+'))
  const listed = patterns.length ? new RegExp(`(?<![\\p{L}\\p{N}])(?:${patterns.join('|')})(?![\\p{L}\\p{N}])`, 'giu') : undefined
  const forms = new Map(written)
  return (text) => {
    const rewritten = listed ? text.replace(listed, (words) => spoken.get(toKey(words)) ?? words) : text
    if (!forms.size) return rewritten
    return rewritten.replace(/[\p{L}\p{M}]+(?:['\u2019][\p{L}\p{M}]+)*/gu, (word) => forms.get(word.toLowerCase().replaceAll('\u2019', "'")) ?? word)
  }
}

const toKey = (words: string) =>
  words
    .normalize('NFC')
    .toLowerCase()
    .replace(/[\s,.-]+/g, ' ')
    .trim()
