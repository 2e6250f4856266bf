import { fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { type Artifacts, openArtifacts } from '../src/artifacts/store.ts'
import type { RecognizerModel } from '../src/decoding/recognizer-model.ts'
import { countWordErrors, wordErrorRate } from '../src/decoding/word-errors.ts'
import { readCatalog } from '../src/domain/catalog.ts'
import type { Scenario } from '../src/postgres/tables.ts'
import { toRecognizerModel } from '../src/recognition/model-files.ts'
import type { Round } from './recognition-engine.ts'
import { liveStreams } from './recognition-live.ts'
import type { StreamMemory } from './recognition-memory.ts'
import { readRecordings } from './recordings.ts'
import { type Figure, median } from './table.ts'

const rounds = 3
const recordings = readRecordings()
const seconds = recordings.reduce((sum, { audio }) => sum + audio.length / 16_000, 0)

/** Speed and word errors of each model beside sherpa-onnx, then the latency of live streams on all cores. */
export async function recognition(dataDir: string): Promise<Figure[]> {
  const artifacts = await openArtifacts({ dataDir, privateSources: false })
  const figures: Figure[] = []
  const models = new Map<Scenario, RecognizerModel>()
  for (const [name, scenario] of [
    ['tiny', 'SEARCH_AND_DICTATION'],
    ['base', 'CONVERSATIONAL'],
  ] as const) {
    const model = await openModel(artifacts, scenario)
    models.set(scenario, model)
    figures.push(...(await compareEngines(name, model, join(dataDir, 'pieces.txt'))))
  }
  figures.push(...(await streamMemory()))
  for (const [scenario, model] of models) figures.push(...(await liveStreams(scenario, model, availableParallelism())))
  return figures
}

async function streamMemory(): Promise<Figure[]> {
  const child = fork(join(import.meta.dirname, 'recognition-memory.ts'), [], { execArgv: ['--expose-gc'] })
  const failed = once(child, 'exit').then(() => {
    throw new Error('recognition-memory.ts exited before it measured the streams')
  })
  const [{ silent, inPhrase }] = (await Promise.race([once(child, 'message'), failed])) as [StreamMemory]
  child.disconnect()
  const write = ({ own, detector }: StreamMemory['silent']) => `${Math.round(own)} kB, ${Math.round(detector)} kB in the detector`
  return [
    { what: 'memory of a stream that is silent', value: write(silent) },
    { what: 'memory of a stream, 10 s into a phrase', value: write(inPhrase) },
  ]
}

export async function openModel(artifacts: Artifacts, scenario: Scenario): Promise<RecognizerModel> {
  const catalog = await readCatalog(resolve(import.meta.dirname, '../src/catalog/catalog.json'))
  const [acoustic, language] = ['ACOUSTIC', 'LANGUAGE'].map((kind) => catalog.models.find((model) => model.kind === kind && model.scenario === scenario))
  if (!acoustic || !language) throw new Error(`the catalog has no models for ${scenario}`)
  return toRecognizerModel(await artifacts.fetch(acoustic), await artifacts.fetch(language))
}

/** The engines run in turn, so that other load of the machine affects all of them. */
async function compareEngines(name: string, { encoder, decoder }: RecognizerModel, scratch: string): Promise<Figure[]> {
  const engines = await Promise.all(['sherpa', 'greedy', 'beam 4'].map((engine) => startEngine(engine, encoder, decoder, scratch)))
  const results: Round[][] = engines.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [n, engine] of engines.entries()) results[n]?.push(await engine.decodeAll())
  }
  for (const engine of engines) engine.close()
  const [sherpa = [], greedy = [], beam = []] = results
  const rate = (all: Round[]) => median(all.map((round) => seconds / round.seconds))
  const ratio = (all: Round[]) => median(all.map((round, n) => (sherpa[n] as Round).seconds / round.seconds)).toFixed(2)
  const wrong = (all: Round[]) => wordErrorRate(recordings.map(({ text }, n) => countWordErrors(text, all[0]?.texts[n] ?? '')))
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`
  const memory = (all: Round[]) => `${all.at(-1)?.memory.toFixed(0)} MB`
  const own = [
    { kind: 'greedy', all: greedy },
    { kind: 'beam 4', all: beam },
  ]
  return [
    ...own.map(({ kind, all }) => ({
      what: `${name}, ${kind}: audio seconds per core second`,
      value: rate(all).toFixed(1),
      baseline: `sherpa-onnx greedy ${rate(sherpa).toFixed(1)}`,
      ratio: ratio(all),
    })),
    ...own.map(({ kind, all }) => ({
      what: `${name}, ${kind}: word error rate`,
      value: percent(wrong(all)),
      baseline: `sherpa-onnx greedy ${percent(wrong(sherpa))}`,
      ratio: (wrong(all) / wrong(sherpa)).toFixed(2),
    })),
    { what: `${name}: memory of a loaded model`, value: memory(greedy), baseline: `sherpa-onnx ${memory(sherpa)}` },
  ]
}

export async function startEngine(engine: string, encoder: string, decoder: string, scratch: string) {
  const child = fork(join(import.meta.dirname, 'recognition-engine.ts'), [engine, encoder, decoder, scratch], {
    execArgv: [],
    serialization: 'advanced',
    env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: '2', MALLOC_ARENA_MAX: '2' },
  })
  await once(child, 'message')
  return {
    /** Decodes all recordings, or these pieces instead from now on. */
    async decodeAll(pieces?: Float32Array[]): Promise<Round> {
      child.send(pieces ?? 'again')
      const [round] = await once(child, 'message')
      return round as Round
    },
    close: () => child.kill(),
  }
}
