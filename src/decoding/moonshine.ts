import { InferenceSession, Tensor } from 'onnxruntime-node'
import { beginToken } from './tokens.ts'

/** A Moonshine acoustic model: an encoder over raw 16 kHz samples and a merged decoder with caches. */
export interface Moonshine {
  /** Encodes a piece of audio and returns its decoder. */
  hear(audio: Float32Array): Promise<MoonshineDecoder>
  close(): Promise<void>
}

/** Numbers that differ between the sizes of the model, read from its inputs. */
export interface Geometry {
  layers: number
  heads: number
  dimension: number
}

export interface AcousticFiles {
  encoder: string
  decoder: string
}

interface MoonshineModel {
  decoder: InferenceSession
  geometry: Geometry
  /** The names of the caches, key and value, layer by layer. */
  caches: { decoder: string[]; encoder: string[] }
}

type NamedTensors = Record<string, Tensor>

/** The shapes that make a decoder fit an encoder and a tokenizer. Throws if the files are not such a pair. */
export async function describeMoonshine(files: AcousticFiles): Promise<Geometry & { vocabulary: number }> {
  const [encoder, decoder] = [await openSession(files, 'encoder'), await openSession(files, 'decoder')]
  try {
    const names = (list: readonly string[]) => [...list].sort().join(', ')
    if (names(encoder.inputNames) !== 'input_values') throw new Error(`the encoder has the inputs ${names(encoder.inputNames)} instead of input_values`)
    if (!encoder.outputNames.includes('last_hidden_state')) throw new Error('the encoder has no output named last_hidden_state')
    const logits = decoder.outputMetadata.find(({ name }) => name === 'logits')
    const vocabulary = logits?.isTensor ? logits.shape.at(-1) : undefined
    if (typeof vocabulary !== 'number') throw new Error('the decoder has no output named logits with a known vocabulary')
    return { ...readGeometry(decoder), vocabulary }
  } finally {
    await Promise.all([encoder.release(), decoder.release()])
  }
}

export async function openMoonshine(files: AcousticFiles): Promise<Moonshine> {
  const options: InferenceSession.SessionOptions = {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3,
    // Pieces differ in length, so the memory that an arena keeps rarely fits the next piece.
    enableCpuMemArena: false,
    enableMemPattern: false,
    // Otherwise every step converts the largest matrix, that of the last layer, from bytes, which takes half of the time.
    extra: { session: { disable_quant_qdq: '1' } },
  }
  const encoder = await openSession(files, 'encoder', options)
  const decoder = await openSession(files, 'decoder', options)
  const geometry = readGeometry(decoder)
  const model: MoonshineModel = { decoder, geometry, caches: { decoder: cacheNames(geometry, 'decoder'), encoder: cacheNames(geometry, 'encoder') } }

  return {
    async hear(audio) {
      const { last_hidden_state: hidden } = await encoder.run({ input_values: new Tensor('float32', audio, [1, audio.length]) })
      if (!hidden) throw new Error('the encoder has no output named last_hidden_state')
      return new MoonshineDecoder(model, hidden as Tensor)
    },
    async close() {
      await Promise.all([encoder.release(), decoder.release()])
    },
  }
}

/** Opens one of the two files, and removes the paths of this machine from errors of the runtime. */
function openSession(files: AcousticFiles, name: keyof AcousticFiles, options: InferenceSession.SessionOptions = {}): Promise<InferenceSession> {
  return InferenceSession.create(files[name], options).catch((error: Error) => {
    throw new Error(error.message.replaceAll(files[name], `the ${name}`).replace(/(^|[\s"'(:])\/[^\s"')]*/g, '$1…'))
  })
}

/** Decodes one piece of audio along several beams at once, which share the output of the encoder. */
class MoonshineDecoder {
  readonly #model: MoonshineModel
  readonly #hidden: Tensor
  /** The caches of the encoder's output: the first step computes them, and all others pass them on. */
  #heard: NamedTensors = {}
  /** The caches of the tokens of each beam. */
  #past: NamedTensors = {}
  #beams = 0

  constructor(model: MoonshineModel, hidden: Tensor) {
    this.#model = model
    this.#hidden = hidden
  }

  /** Runs the first step and returns the scores of every first token. */
  async begin(): Promise<Float32Array> {
    const { decoder, geometry, caches } = this.#model
    const nothing = new Tensor('float32', new Float32Array(0), [1, geometry.heads, 0, geometry.dimension])
    const out = await decoder.run({
      input_ids: toIds([beginToken]),
      encoder_hidden_states: this.#hidden,
      use_cache_branch: no,
      ...Object.fromEntries([...caches.decoder, ...caches.encoder].map((name) => [`past_key_values.${name}`, nothing])),
    })
    this.#heard = takeCaches(out, caches.encoder)
    this.#past = takeCaches(out, caches.decoder)
    this.#beams = 1
    return (out.logits as Tensor).data as Float32Array
  }

  /** Runs one step of every beam: beam n continues `parents[n]` with `tokens[n]`. Returns the scores, one beam after another. */
  async step(tokens: readonly number[], parents: readonly number[]): Promise<Float32Array> {
    const { decoder, caches } = this.#model
    const isSame = parents.length === this.#beams && parents.every((parent, place) => parent === place)
    if (!isSame) for (const name of Object.keys(this.#past)) this.#past[name] = gather(this.#past[name] as Tensor, this.#beams, parents)
    this.#beams = parents.length
    const out = await decoder.run({ input_ids: toIds(tokens), encoder_hidden_states: this.#hidden, use_cache_branch: yes, ...this.#past, ...this.#heard }, [
      'logits',
      ...caches.decoder.map((name) => `present.${name}`),
    ])
    this.#past = takeCaches(out, caches.decoder)
    return (out.logits as Tensor).data as Float32Array
  }
}

const no = new Tensor('bool', Uint8Array.of(0), [1])
const yes = new Tensor('bool', Uint8Array.of(1), [1])
const toIds = (tokens: readonly number[]) => new Tensor('int64', BigInt64Array.from(tokens, BigInt), [tokens.length, 1])

function readGeometry(decoder: InferenceSession): Geometry {
  const keys = decoder.inputMetadata.filter((input) => /^past_key_values\.\d+\.decoder\.key$/.test(input.name))
  const shape = keys[0]?.isTensor ? keys[0].shape : []
  const [, heads, , dimension] = shape
  if (typeof heads !== 'number' || typeof dimension !== 'number') throw new Error('the decoder is not a merged Moonshine decoder')
  return { layers: keys.length, heads, dimension }
}

const cacheNames = ({ layers }: Geometry, part: 'decoder' | 'encoder') =>
  Array.from({ length: layers }, (_, layer) => [`${layer}.${part}.key`, `${layer}.${part}.value`]).flat()

const takeCaches = (out: InferenceSession.ReturnType, names: readonly string[]): NamedTensors =>
  Object.fromEntries(names.map((name) => [`past_key_values.${name}`, out[`present.${name}`] as Tensor]))

/** Copies the row of each parent once for each child. */
function gather(cache: Tensor, beams: number, parents: readonly number[]): Tensor {
  const data = cache.data as Float32Array
  const row = data.length / beams
  const gathered = new Float32Array(row * parents.length)
  for (const [place, parent] of parents.entries()) gathered.set(data.subarray(parent * row, (parent + 1) * row), place * row)
  return new Tensor('float32', gathered, [parents.length, ...cache.dims.slice(1)])
}
