import type { Fusion } from './fusion.ts'
import { endToken, lowerPieces } from './tokens.ts'
import { createRewriter } from './written-words.ts'

/** A word or a turn of phrase that is likelier than usual here: weight 1 is the usual help, 0 none, 2 the most. */
export interface ListedPhrase {
  text: string
  weight: number
}

// Short words are easily mistaken for one another, so even they get something; long ones are hard to mistake.
const perWord = 1
const perCharacter = 0.2
const maxPerWord = 3
const heaviest = 2
/** The part of a phrase's bonus that is lent while it is being said, and taken back if it is not finished. */
const lent = 0.8

/** A character of the phrases; spaces are those between words. */
interface Node {
  children: Map<string, Node>
  /** The greatest share that any phrase through here has gained by this character. */
  credit: number
  /** What a phrase that ends here is worth. */
  bonus: number
}

interface Match {
  node: Node
  /** What shorter phrases on the way have been paid. */
  paid: number
}

interface PhraseListState {
  matches: readonly Match[]
  credit: number
  isInWord: boolean
}

/**
 * Makes listed phrases likelier: while a text spells the beginning of one, it is lent a part of the phrase's
 * bonus, so that it is still among the beams when the phrase is complete; then it is paid the whole.
 */
export function openPhraseList(phrases: readonly ListedPhrase[]): Fusion<PhraseListState> {
  const root = createNode()
  for (const { text, weight } of phrases) addPhrase(root, splitWords(text.toLowerCase()), Math.min(heaviest, Math.max(0, weight)))
  const start: PhraseListState = { matches: [], credit: 0, isInWord: false }

  return {
    start,
    step(before, token) {
      const piece = token === endToken ? ' ' : (lowerPieces[token] ?? '')
      let { matches, isInWord } = before
      let earned = 0
      for (const character of piece) {
        const isWord = wordCharacter.test(character)
        if (isWord) matches = advance(matches, character, isInWord, root)
        else if (isInWord) {
          const paid = pay(matches)
          matches = paid.matches
          earned += paid.earned
        }
        isInWord = isWord
      }
      const credit = token === endToken ? 0 : matches.reduce((most, { node, paid }) => Math.max(most, node.credit - paid), 0)
      return { score: earned + credit - before.credit, state: { matches, credit, isInWord } }
    },
  }
}

/**
 * Writes words as they are listed where they have a capital behind their first letter, as in PBX and McCoy.
 * A first capital may only be that of a sentence, and two letters are often another word: us and US.
 */
export function writeAsListed(phrases: readonly ListedPhrase[]): (text: string) => string {
  const words = phrases.flatMap(({ text, weight }) => (weight > 0 ? splitWords(text) : []))
  const peculiar = words.filter((word) => word.length > 2 && /.\p{Lu}/u.test(word))
  return createRewriter({ pronunciations: [], written: peculiar.map((word) => [word.toLowerCase(), word]) })
}

const createNode = (): Node => ({ children: new Map(), credit: 0, bonus: 0 })
const wordCharacter = /[\p{L}\p{N}\p{M}']/u

const splitWords = (text: string) =>
  text
    .normalize('NFC')
    .replaceAll('\u2019', "'")
    .split(/[^\p{L}\p{N}\p{M}']+/u)
    .filter(Boolean)

function addPhrase(root: Node, words: readonly string[], weight: number) {
  const bonus = weight * words.reduce((sum, word) => sum + Math.min(maxPerWord, perWord + perCharacter * word.length), 0)
  const characters = [...words.join(' ')]
  let node = root
  for (const [place, character] of characters.entries()) {
    const next = node.children.get(character) ?? createNode()
    node.children.set(character, next)
    next.credit = Math.max(next.credit, (lent * bonus * (place + 1)) / characters.length)
    node = next
  }
  if (node !== root) node.bonus = Math.max(node.bonus, bonus)
}

/** Goes one character on; a word's first may also begin a phrase. */
function advance(matches: readonly Match[], character: string, isInWord: boolean, root: Node): readonly Match[] {
  const next: Match[] = []
  for (const { node, paid } of matches) {
    const from = isInWord ? node : node.children.get(' ')
    const to = from?.children.get(character)
    if (to) next.push({ node: to, paid })
  }
  const begun = isInWord ? undefined : root.children.get(character)
  if (begun) next.push({ node: begun, paid: 0 })
  return next
}

/** A word is complete: pays the most valuable phrase that ends with it. */
function pay(matches: readonly Match[]): { matches: readonly Match[]; earned: number } {
  const earned = matches.reduce((most, { node, paid }) => Math.max(most, node.bonus - paid), 0)
  if (earned === 0) return { matches, earned }
  // What a longer phrase on the same way would be paid has been paid in part.
  return { matches: matches.map(({ node, paid }) => ({ node, paid: Math.max(paid, node.bonus) })), earned }
}
