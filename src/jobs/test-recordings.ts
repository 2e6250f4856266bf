import { once } from 'node:events'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import yauzl, { type Entry, type ZipFile } from 'yauzl'
import { AudioError } from '../audio/audio-error.ts'
import type { Decoders } from '../audio/decoders.ts'
import { readRecording } from '../audio/recording.ts'
import { ProvisioningFailure } from '../domain/failure.ts'
import type { Pcm } from '../recognition/recognizer.ts'

/** A recording and what is said in it. */
export interface TestRecording {
  name: string
  text: string
  audio: Pcm
}

const mostEntries = 2000
const largestFile = 20_000_000
const largestTotal = 400_000_000
const longestSeconds = 60
const longestTotalSeconds = 20 * 60
const fewest = 2
/** Other files in the zip are left alone. */
const audioNames = /\.(wav|wave|mp3|m4a|mp4|aac|flac|ogg|oga|opus|webm|mka|amr|3gp|aiff?|au|caf|wma)$/i

/**
 * Reads a zip of recordings and one TSV, whose lines name a file and, after a tab, say what is said in it.
 * Sizes are counted as they come, whatever the zip claims.
 */
export async function readTestRecordings(path: string, decoders: Decoders, signal: AbortSignal): Promise<TestRecording[]> {
  const files = new Map<string, Buffer>()
  let table: string | undefined
  let total = 0
  for await (const { name, bytes } of readZip(path, signal)) {
    total += bytes.length
    if (total > largestTotal) throw refuse(`unpacks to more than ${largestTotal / 1e6} MB`)
    if (name.endsWith('.tsv')) {
      if (table !== undefined) throw refuse('has more than one .tsv file')
      table = bytes.toString('utf8')
    } else if (files.has(name)) throw refuse(`has two files named ${name}`)
    else files.set(name, bytes)
  }
  if (table === undefined) throw refuse('has no .tsv file; add one with a line for each recording: the name of the file, a tab, what is said in it')
  const recordings: TestRecording[] = []
  for (const { name, text } of readTable(table)) {
    const bytes = files.get(name)
    if (!bytes) throw refuse(`has no file ${name}, which the .tsv names`)
    recordings.push({ name, text, audio: await readAudio(name, bytes, decoders, signal) })
  }
  const seconds = recordings.reduce((sum, { audio }) => sum + audio.samples.length / (2 * audio.channels * audio.sampleRate), 0)
  if (recordings.length < fewest) throw refuse(`needs at least ${fewest} recordings`)
  if (seconds > longestTotalSeconds) throw refuse(`has ${Math.round(seconds / 60)} minutes of speech; ${longestTotalSeconds / 60} are enough`)
  return recordings
}

/** What is measured must be what the file says: a recording that can be read with a warning only is refused. */
async function readAudio(name: string, bytes: Buffer, decoders: Decoders, signal: AbortSignal): Promise<Pcm> {
  const unusable = (reason: string) => refuse(`has a recording that cannot be used: ${name}. ${reason.replace(/\.$/, '')}`)
  const warn = (text: string) => {
    throw unusable(text)
  }
  try {
    return await readRecording(bytes, { decoders, maxSeconds: longestSeconds, signal, warn })
  } catch (error) {
    if (error instanceof AudioError && !/^DECODER/.test(error.code)) throw unusable(error.message)
    throw error
  }
}

async function* readZip(path: string, signal: AbortSignal): AsyncGenerator<{ name: string; bytes: Buffer }> {
  const zip = await new Promise<ZipFile>((opened, failed) =>
    yauzl.open(path, { lazyEntries: true, autoClose: false }, (error, file) =>
      error ? failed(refuse(`cannot be read as a zip (${error.message})`)) : opened(file),
    ),
  )
  try {
    if (zip.entryCount > mostEntries) throw refuse(`has more than ${mostEntries} entries`)
    while (zip.entryCount > 0) {
      signal.throwIfAborted()
      zip.readEntry()
      const [entry] = (await Promise.race([once(zip, 'entry', { signal }), once(zip, 'end', { signal }).then(() => [undefined])]).catch((error) => {
        signal.throwIfAborted()
        throw refuse(`is damaged (${error.message})`)
      })) as [Entry | undefined]
      if (!entry) return
      const name = basename(entry.fileName)
      if ((audioNames.test(name) || /\.tsv$/i.test(name)) && !name.startsWith('.')) yield { name, bytes: await readEntry(zip, entry) }
    }
  } finally {
    zip.close()
  }
}

async function readEntry(zip: ZipFile, entry: Entry): Promise<Buffer> {
  const stream = await new Promise<Readable>((opened, failed) =>
    zip.openReadStream(entry, (error, found) => (error ? failed(refuse(`is damaged at ${basename(entry.fileName)} (${error.message})`)) : opened(found))),
  )
  const pieces: Buffer[] = []
  let size = 0
  try {
    for await (const piece of stream) {
      size += (piece as Buffer).length
      if (size > largestFile) throw refuse(`has a file of more than ${largestFile / 1e6} MB: ${basename(entry.fileName)}`)
      pieces.push(piece as Buffer)
    }
  } catch (error) {
    throw error instanceof ProvisioningFailure ? error : refuse(`is damaged at ${basename(entry.fileName)} (${(error as Error).message})`)
  }
  return Buffer.concat(pieces)
}

function readTable(table: string): { name: string; text: string }[] {
  const lines = table.replace(/^\uFEFF/, '').split(/\r?\n/)
  return lines.flatMap((line, n) => {
    if (!line.trim()) return []
    const [name = '', text = '', ...more] = line.split('\t')
    if (!name || !text.trim() || more.length) throw refuse(`has a .tsv whose line ${n + 1} is not the name of a file, a tab and a text`)
    return [{ name: basename(name.trim()), text: text.trim() }]
  })
}

const refuse = (reason: string) => new ProvisioningFailure('RECORDINGS_UNUSABLE', `The zip of recordings ${reason}.`, { isLasting: true })
