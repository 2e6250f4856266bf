// The process that unpacks and reads one zip of recordings, isolated from the server.
import { open, readFile, stat } from 'node:fs/promises'
import { AudioError } from '../audio/audio-error.ts'
import type { Decoders } from '../audio/decoders.ts'
import { readSound } from '../audio/read-audio.ts'
import { inPieces } from '../audio/read-recording.ts'
import { answerTask } from '../sandbox/answer.ts'
import { unpackedLimit } from '../sandbox/reading-limits.ts'
import { TaskRefusal } from '../sandbox/task.ts'
import { explainAudio, maxSeconds, RecordingProblems, type Unpacked, type UnpackRequest } from './recordings-limits.ts'
import { isTable, readTable } from './recordings-table.ts'
import { unpackZip, type ZipLimits } from './zip-entries.ts'

const limits: Omit<ZipLimits, 'total'> = { entries: 2_000, nameBytes: 255, fileBytes: 20_000_000 }
const maxTotalBytes = 400_000_000
/** Other files in the zip are ignored. */
const audioNames = /\.(wav|wave|mp3|m4a|mp4|aac|flac|ogg|oga|opus|webm|mka|amr|3gp|aiff?|au|caf|wma)$/i
const isWanted = (name: string) => (audioNames.test(name) || isTable(name)) && !name.startsWith('.')

answerTask<UnpackRequest, Unpacked[]>(async ({ zip, dir, locale, hasDecoders }, tell) => {
  const files = new Map<string, string>()
  let table: { name: string; path: string } | undefined
  const total = unpackedLimit((await stat(zip)).size, maxTotalBytes)
  for await (const file of unpackZip(zip, dir, isWanted, { ...limits, total })) {
    tell.place(file.name)
    if (files.has(file.name)) throw new TaskRefusal(`has two files named ${file.name}`)
    if (!isTable(file.name)) files.set(file.name, file.path)
    else if (table) throw new TaskRefusal('has more than one table (.tsv or .jsonl)')
    else table = file
  }
  if (!table) throw new TaskRefusal('has no .tsv or .jsonl file; add a .tsv with a line for each recording: the name of the file, a tab and the transcript')
  tell.place(table.name)
  const problems = new RecordingProblems()
  const lines = await readTable(table, locale, limits.entries, problems)
  const recordings: Unpacked[] = []
  for (const { name, text, line } of lines) {
    tell.place(name)
    try {
      const path = files.get(name)
      if (!path) throw missing(name, line, table.name)
      recordings.push({ name, text, path, sound: await readSamples(name, path, hasDecoders) })
    } catch (error) {
      if (!(error instanceof TaskRefusal)) throw error
      problems.add(error)
    }
  }
  problems.throw()
  return recordings
})

const missing = (name: string, line: number, table: string) =>
  new TaskRefusal(`has no file ${name}, which line ${line} of ${table} names`, {
    problems: [`Line ${line} of ${table} names ${name}, which the zip does not contain.`],
  })

class NeedsDecoder extends Error {}

/** Replaces a plain WAV file by its samples; undefined when the recording needs a decoder. */
async function readSamples(name: string, path: string, hasDecoders: boolean): Promise<Unpacked['sound']> {
  const file = await readFile(path)
  const decoders: Decoders = {
    isAvailable: hasDecoders,
    isContested: false,
    // biome-ignore lint/correctness/useYield: the parent has the decoders
    async *decode() {
      throw new NeedsDecoder()
    },
    async close() {},
  }
  const warn = (text: string) => {
    throw explainAudio(name, text)
  }
  const samples: Buffer[] = []
  let sampleRate = 0
  try {
    for await (const sound of readSound(inPieces(file), { decoders, maxSeconds, fileBytes: file.length, signal: new AbortController().signal, warn })) {
      samples.push(sound.pcm)
      sampleRate = sound.format.sampleRate
    }
  } catch (error) {
    if (error instanceof NeedsDecoder) return undefined
    throw error instanceof AudioError ? explainAudio(name, error.message) : error
  }
  const pcm = await open(path, 'w')
  await pcm.writeFile(Buffer.concat(samples)).finally(() => pcm.close())
  return { sampleRate }
}
