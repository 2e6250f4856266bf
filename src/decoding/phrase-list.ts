import type { Fusion } from './fusion.ts'
import type { ListedPhrase } from './listed-phrase.ts'
import { endToken, lowerPieces } from './tokens.ts'
import { createRewriter } from './written-words.ts'

// Short words are easily confused, so each gets a bonus; long words are hard to confuse, so their bonus is limited.
const perWord = 1
const perCharacter = 0.2
const maxPerWord = 3
const maxWeight = 2
/** The part of the bonus that an unfinished phrase receives in advance, and loses if it is not finished. */
const creditShare = 0.8

/** A character of the phrases; spaces separate words. */
interface Node {
  children: Map<string, Node>
  /** The largest credit that a phrase through this node has at this character. */
  credit: number
  /** The bonus of a phrase that ends here. */
  bonus: number
}

interface Match {
  node: Node
  /** The bonus that shorter phrases on the same path received. */
  paid: number
}

interface PhraseListState {
  matches: readonly Match[]
  credit: number
  isInWord: boolean
}

/**
 * Makes listed phrases likelier. A text that spells the beginning of a phrase receives a part of the bonus in advance,
 * so that it stays among the beams until the phrase is complete and the whole bonus is due.
 */
export function openPhraseList(phrases: readonly ListedPhrase[]): Fusion<PhraseListState> {
  const root = createNode()
  for (const { text, weight } of phrases) addPhrase(root, splitWords(text.toLowerCase()), Math.min(maxWeight, Math.max(0, weight)))
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
 * Writes words as listed if they have a capital after their first letter, as in PBX and McCoy.
 * A first capital can be that of a sentence, and two letters are often another word: us and US.
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
    next.credit = Math.max(next.credit, (creditShare * bonus * (place + 1)) / characters.length)
    node = next
  }
  if (node !== root) node.bonus = Math.max(node.bonus, bonus)
}

/** Advances by one character; the first character of a word can also begin a phrase. */
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

/** Pays the most valuable phrase that ends with the completed word. */
function pay(matches: readonly Match[]): { matches: readonly Match[]; earned: number } {
  const earned = matches.reduce((most, { node, paid }) => Math.max(most, node.bonus - paid), 0)
  if (earned === 0) return { matches, earned }
  // A longer phrase on the same path receives only the difference.
  return { matches: matches.map(({ node, paid }) => ({ node, paid: Math.max(paid, node.bonus) })), earned }
}
