import { z } from 'zod'
import { idsOf, type NgramCounts } from './ngram-counts.ts'
import { ModelUnusableError } from './recognizer-model.ts'

const magic = 'custom-speech-words/1\n'

/** A spoken form and its written form. */
const rewrite = z.object({ spoken: z.string(), written: z.string() })
const head = z.object({
  locale: z.string(),
  /** The numbers of words, pairs, histories of two words, and triples. */
  sizes: z.tuple([z.int(), z.int(), z.int(), z.int()]),
  /** The weight of the words against the sound; without it, the usual weight. */
  weight: z.number().optional(),
  pronunciations: z.array(rewrite),
  /** Lower-case words and their spelling in the text, if it differs. */
  written: z.array(z.tuple([z.string(), z.string()])),
  textBytes: z.int(),
})

export type Rewrite = z.infer<typeof rewrite>

/** The contents of a custom language model. */
export interface WordModel {
  locale: string
  counts: NgramCounts
  /** The probability of each word in general speech, by its index. */
  background: Float32Array
  pronunciations: Rewrite[]
  written: [word: string, written: string][]
  weight?: number | undefined
}

/** Encodes a model: a line that names the format, a line of JSON, then the numbers in little-endian order. */
export function encodeWordModel({ counts, background, ...facts }: WordModel): Buffer {
  const text = Buffer.from(counts.words.join('\n'))
  const sizes = [counts.words.length, counts.pairs.next.length, counts.histories.length, counts.triples.next.length]
  const line = Buffer.from(`${magic}${JSON.stringify({ ...facts, sizes, textBytes: text.length })}\n`)
  return Buffer.concat([
    padded(line),
    ...[
      counts.histories,
      background,
      counts.continuation,
      counts.pairs.start,
      counts.pairs.next,
      counts.pairs.count,
      counts.triples.start,
      counts.triples.next,
      counts.triples.count,
    ].map(({ buffer, byteOffset, byteLength }) => padded(Buffer.from(buffer, byteOffset, byteLength))),
    text,
  ])
}

/** Reads the bytes in place. Throws a {@link ModelUnusableError} unless they are a complete word model. */
export function decodeWordModel(bytes: Buffer<ArrayBuffer>): WordModel {
  if (bytes.toString('latin1', 0, magic.length) !== magic) throw unusable('it has an unknown format')
  const end = bytes.indexOf('\n', magic.length)
  const parsed = head.safeParse(parseJson(bytes.toString('utf8', magic.length, end)))
  if (!parsed.success) throw unusable(parsed.error.issues[0]?.message ?? '')
  const { sizes, textBytes, ...facts } = parsed.data
  const [wordCount, pairs, histories, triples] = sizes
  const ids = idsOf({ length: wordCount })

  let at = aligned(end + 1)
  // Typed arrays need aligned memory, which a small buffer within a pool does not guarantee.
  const memory = bytes.byteOffset % 8 === 0 ? bytes : Buffer.from(new Uint8Array(bytes).buffer)
  const take = <T>(make: (buffer: ArrayBuffer, offset: number, length: number) => T, length: number, size: number): T => {
    if (at + length * size > memory.length) throw unusable('it is not whole')
    const values = make(memory.buffer, memory.byteOffset + at, length)
    at = aligned(at + length * size)
    return values
  }
  const integers = (length: number) => take((...args) => new Uint32Array(...args), length, 4)
  const counts = {
    histories: take((...args) => new Float64Array(...args), histories, 8),
    background: take((...args) => new Float32Array(...args), wordCount, 4),
    continuation: integers(ids),
    pairs: { start: integers(ids + 1), next: integers(pairs), count: integers(pairs) },
    triples: { start: integers(histories + 1), next: integers(triples), count: integers(triples) },
  }
  const text = memory.toString('utf8', at, at + textBytes)
  const words = text ? text.split('\n') : []
  if (words.length !== wordCount || at + textBytes !== memory.length) throw unusable('it is not whole')
  const { background, ...rest } = counts
  return { ...facts, background, counts: { words, ...rest } }
}

const aligned = (offset: number) => Math.ceil(offset / 8) * 8
const padded = (bytes: Buffer) => Buffer.concat([bytes], aligned(bytes.length))
const unusable = (reason: string) => new ModelUnusableError(`The file of the language model cannot be read: ${reason}. Train the model again.`)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
