import llama from 'llama-tokenizer-js'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { sampleRate } from './recognizer.ts'

const beginToken = 1n
const endToken = 2
/** Pieces from here on are control tokens without a spelling. */
const spelledTokens = 32_000
/** Speech faster than this is a decoder that repeats itself. */
const tokensPerSecond = 6.5

interface Decoding {
  text: string
  /** 0 to 1, the geometric mean of the tokens' probabilities. */
  confidence: number
}

/** A Moonshine acoustic model: an encoder over raw 16 kHz samples and a decoder with its caches merged in. */
export interface Moonshine {
  decode(audio: Float32Array): Promise<Decoding>
}

/** Numbers that differ between the sizes of the model, read off its own inputs. */
interface Geometry {
  layers: number
  heads: number
  dimension: number
}

type Feeds = Record<string, Tensor>

export async function openMoonshine(files: { encoder: string; decoder: string }): Promise<Moonshine> {
  const options: InferenceSession.SessionOptions = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential', logSeverityLevel: 3 }
  const encoder = await InferenceSession.create(files.encoder, options)
  const decoder = await InferenceSession.create(files.decoder, options)
  const geometry = readGeometry(decoder)

  return {
    async decode(audio) {
      const { last_hidden_state: hidden } = await encoder.run({ input_values: new Tensor('float32', audio, [1, audio.length]) })
      if (!hidden) throw new Error('the encoder has no output named last_hidden_state')
      return decodeGreedily(decoder, geometry, hidden as Tensor, Math.ceil((audio.length / sampleRate) * tokensPerSecond) + 6)
    },
  }
}

async function decodeGreedily(decoder: InferenceSession, geometry: Geometry, hidden: Tensor, mostTokens: number): Promise<Decoding> {
  const tokens: number[] = []
  let logProbability = 0
  let feeds: Feeds = { ...firstFeeds(geometry), encoder_hidden_states: hidden }
  let encoderCache: Feeds | undefined
  while (tokens.length < mostTokens) {
    const out = await decoder.run(feeds)
    const best = pickBest(lastRow(out.logits as Tensor))
    logProbability += best.logProbability
    if (best.token === endToken) break
    tokens.push(best.token)
    // The first step computes what the decoder keeps of the encoder; later steps only pass it on.
    encoderCache ??= renameCache(out as Feeds, 'encoder', geometry)
    feeds = {
      input_ids: new Tensor('int64', BigInt64Array.of(BigInt(best.token)), [1, 1]),
      encoder_hidden_states: hidden,
      use_cache_branch: new Tensor('bool', Uint8Array.of(1), [1]),
      ...renameCache(out as Feeds, 'decoder', geometry),
      ...encoderCache,
    }
  }
  return { text: spell(tokens), confidence: Math.exp(logProbability / (tokens.length + 1)) }
}

function readGeometry(decoder: InferenceSession): Geometry {
  const keys = decoder.inputMetadata.filter((input) => /^past_key_values\.\d+\.decoder\.key$/.test(input.name))
  const shape = keys[0]?.isTensor ? keys[0].shape : []
  const [, heads, , dimension] = shape
  if (typeof heads !== 'number' || typeof dimension !== 'number') throw new Error('the decoder is not a merged Moonshine decoder')
  return { layers: keys.length, heads, dimension }
}

const cacheNames = ({ layers }: Geometry, part: 'decoder' | 'encoder') =>
  Array.from({ length: layers }, (_, layer) => [`${layer}.${part}.key`, `${layer}.${part}.value`]).flat()

function firstFeeds(geometry: Geometry): Feeds {
  const nothing = new Tensor('float32', new Float32Array(0), [1, geometry.heads, 0, geometry.dimension])
  const names = [...cacheNames(geometry, 'decoder'), ...cacheNames(geometry, 'encoder')]
  return {
    input_ids: new Tensor('int64', BigInt64Array.of(beginToken), [1, 1]),
    use_cache_branch: new Tensor('bool', Uint8Array.of(0), [1]),
    ...Object.fromEntries(names.map((name) => [`past_key_values.${name}`, nothing])),
  }
}

function renameCache(out: Feeds, part: 'decoder' | 'encoder', geometry: Geometry): Feeds {
  return Object.fromEntries(cacheNames(geometry, part).map((name) => [`past_key_values.${name}`, out[`present.${name}`] as Tensor]))
}

function lastRow(logits: Tensor): Float32Array {
  const vocabulary = logits.dims.at(-1) ?? 0
  const data = logits.data as Float32Array
  return data.subarray(data.length - vocabulary)
}

function pickBest(logits: Float32Array): { token: number; logProbability: number } {
  let token = 0
  let best = Number.NEGATIVE_INFINITY
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i] as number
    if (value > best) {
      best = value
      token = i
    }
  }
  let sum = 0
  for (let i = 0; i < logits.length; i++) {
    const below = (logits[i] as number) - best
    if (below > -16) sum += Math.exp(below)
  }
  return { token, logProbability: -Math.log(sum) }
}

/** Joins word pieces: U+2581 is a space, `<0x41>` one byte of UTF-8. */
function spell(tokens: readonly number[]): string {
  const parts: Buffer[] = []
  for (const token of tokens) {
    if (token >= spelledTokens) continue
    const piece = llama.vocabById[token] ?? ''
    const byte = /^<0x([0-9A-F]{2})>$/.exec(piece)?.[1]
    parts.push(byte ? Buffer.of(Number.parseInt(byte, 16)) : Buffer.from(piece.replaceAll('\u2581', ' ')))
  }
  return Buffer.concat(parts).toString('utf8').trim()
}
