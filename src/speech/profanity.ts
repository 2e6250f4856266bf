// Strong English words that most services mask. Mild ones ("damn", "crap") and those that mean something
// harmless as well ("cock", "prick") stay as they are. PROFANE_WORDS adds more.

/** The treatment of profane words, as the Speech SDK names it. */
export type Profanity = 'masked' | 'removed' | 'raw'

export const profanities: readonly Profanity[] = ['masked', 'removed', 'raw']

/** Stems with their endings. */
const stems: Record<string, string> = {
  '(?:mother|cluster|mind)?fuck': '|s|ed|er|ers|ing|in|face|faces|wit|wits',
  '(?:bull|horse|dip|chicken|bat)?shit': '|s|ty|tier|tiest|ting|ted|head|heads|hole|holes|load',
  '(?:ass|arse)hole': '|s',
  '(?:dumb|jack)ass': '|es',
  dick: 'head|heads',
  cocksuck: 'er|ers|ing',
  cunt: '|s',
  bitch: '|es|ed|ing|y',
  bastard: '|s',
  whore: '|s',
  slut: '|s|ty',
  twat: '|s',
  wank: '|s|ed|er|ers|ing',
  piss: '|ed|es|ing',
  nigg: 'er|ers|a|as',
  fag: 'got|gots',
}

export type ProfanityFilter = (text: string, what: Profanity) => string

export function createProfanityFilter(more: readonly string[]): ProfanityFilter {
  const known = Object.entries(stems).map(([stem, endings]) => `${stem}(?:${endings})`)
  const words = new RegExp(
    `(?<![\\p{L}\\p{N}'])(?:${[...known, ...more.map((word) => word.replace(/[^\p{L}\p{N}]/gu, '\\$&'))].join('|')})(?![\\p{L}\\p{N}])`,
    'giu',
  )
  return (text, what) => {
    if (what === 'raw') return text
    if (what === 'masked') return text.replace(words, (word) => '*'.repeat(word.length))
    return text
      .replace(words, '')
      .replace(/\s+/g, ' ')
      .replace(/ (?=[,.;:!?])/g, '')
      .trim()
  }
}
