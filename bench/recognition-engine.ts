// One engine in a separate process: decodes all recordings once per message and reports its time and memory.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import llama from 'llama-tokenizer-js'
import { readRecordings } from './recordings.ts'

export interface Round {
  /** Processor seconds of this process. */
  seconds: number
  texts: string[]
  /** Megabytes. */
  memory: number
}

const [engine = '', encoder = '', decoder = '', scratch = ''] = process.argv.slice(2)
let recordings: { audio: Float32Array }[] = readRecordings()

const before = process.memoryUsage.rss()
const decode = await open()
for (const { audio } of recordings) await decode(audio)

/** Decodes the recordings, or the given pieces instead from now on. */
process.on('message', async (pieces: 'again' | Float32Array[]) => {
  if (pieces !== 'again') recordings = pieces.map((audio) => ({ audio }))
  const start = process.cpuUsage()
  const texts: string[] = []
  for (const { audio } of recordings) texts.push(await decode(audio))
  const { user, system } = process.cpuUsage(start)
  process.send?.({ seconds: (user + system) / 1e6, texts, memory: (process.memoryUsage.rss() - before) / 2 ** 20 } satisfies Round)
})
process.on('disconnect', () => process.exit())
process.send?.('ready')

async function open(): Promise<(audio: Float32Array) => Promise<string>> {
  if (engine === 'sherpa') return openSherpa()
  // Imported here so that the memory of one engine does not count for the other.
  const { openMoonshine } = await import('../src/decoding/moonshine.ts')
  const { decodeBeams, decodeGreedily } = await import('../src/decoding/beam-search.ts')
  const { noFusion } = await import('../src/decoding/fusion.ts')
  const acoustic = await openMoonshine({ encoder, decoder })
  if (engine === 'greedy') return async (audio) => (await decodeGreedily(acoustic, audio)).text
  return async (audio) => (await decodeBeams(acoustic, audio, { most: 4 }, noFusion))[0]?.text ?? ''
}

/** The baseline: sherpa-onnx reads the same files, with the vocabulary in base64. */
async function openSherpa() {
  const require = createRequire(import.meta.url)
  const sherpa = require('sherpa-onnx-node')
  const pieces = Array.from({ length: 32_768 }, (_, token) => {
    const piece = llama.vocabById[token] ?? `<<ST_${token - 32_000}>>`
    const byte = /^<0x([0-9A-F]{2})>$/.exec(piece)?.[1]
    return `${(byte ? Buffer.from(byte, 'hex') : Buffer.from(piece)).toString('base64')}\t${token}\n`
  })
  writeFileSync(scratch, pieces.join(''))
  const recognizer = new sherpa.OfflineRecognizer({
    featConfig: { sampleRate: 16_000, featureDim: 80 },
    modelConfig: { moonshine: { encoder, mergedDecoder: decoder }, tokens: scratch, numThreads: 1, provider: 'cpu', debug: 0 },
    decodingMethod: 'greedy_search',
  })
  return async (audio: Float32Array) => {
    const stream = recognizer.createStream()
    stream.acceptWaveform({ samples: audio, sampleRate: 16_000 })
    recognizer.decode(stream)
    return recognizer.getResult(stream).text as string
  }
}
