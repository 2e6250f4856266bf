import { once } from 'node:events'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import yauzl, { type Entry, type ZipFile } from 'yauzl'
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

/**
 * Reads a zip of WAV files and one TSV, whose lines name a file and, after a tab, say what is said in it.
 * Sizes are counted as they come, whatever the zip claims.
 */
export async function readTestRecordings(path: string, signal: AbortSignal): Promise<TestRecording[]> {
  const waves = new Map<string, Buffer>()
  let table: string | undefined
  let total = 0
  for await (const { name, bytes } of readZip(path, signal)) {
    total += bytes.length
    if (total > largestTotal) throw refuse(`unpacks to more than ${largestTotal / 1e6} MB`)
    if (name.endsWith('.tsv')) {
      if (table !== undefined) throw refuse('has more than one .tsv file')
      table = bytes.toString('utf8')
    } else if (waves.has(name)) throw refuse(`has two files named ${name}`)
    else waves.set(name, bytes)
  }
  if (table === undefined) throw refuse('has no .tsv file; add one with a line for each recording: the name of the file, a tab, what is said in it')
  const recordings = readTable(table).map(({ name, text }) => {
    const bytes = waves.get(name)
    if (!bytes) throw refuse(`has no file ${name}, which the .tsv names`)
    return { name, text, audio: readWave(name, bytes) }
  })
  const seconds = recordings.reduce((sum, { audio }) => sum + audio.samples.length / (2 * audio.channels * audio.sampleRate), 0)
  if (recordings.length < fewest) throw refuse(`needs at least ${fewest} recordings`)
  if (seconds > longestTotalSeconds) throw refuse(`has ${Math.round(seconds / 60)} minutes of speech; ${longestTotalSeconds / 60} are enough`)
  return recordings
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
      if (/\.(wav|tsv)$/i.test(name) && !name.startsWith('.')) yield { name, bytes: await readEntry(zip, entry) }
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

function readWave(name: string, bytes: Buffer): Pcm {
  const wrong = (reason: string) => refuse(`has a recording that cannot be used: ${name} ${reason}. Save it as a WAV file with 16-bit PCM`)
  if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE') throw wrong('is not a WAV file')
  let format: { sampleRate: number; channels: number } | undefined
  for (let at = 12; at + 8 <= bytes.length; ) {
    const id = bytes.toString('latin1', at, at + 4)
    const length = bytes.readUInt32LE(at + 4)
    const chunk = bytes.subarray(at + 8, at + 8 + length)
    if (id === 'fmt ' && chunk.length >= 16) {
      format = { channels: chunk.readUInt16LE(2), sampleRate: chunk.readUInt32LE(4) }
      if (![1, 0xfffe].includes(chunk.readUInt16LE(0)) || chunk.readUInt16LE(14) !== 16) throw wrong('is not 16-bit PCM')
      if (format.channels < 1 || format.channels > 2 || format.sampleRate < 8000 || format.sampleRate > 96_000) throw wrong('has unusual channels or rate')
    }
    if (id === 'data' && format) {
      const frame = 2 * format.channels
      const samples = chunk.subarray(0, chunk.length - (chunk.length % frame))
      if (!samples.length || samples.length > longestSeconds * frame * format.sampleRate) throw wrong(`is empty, or longer than ${longestSeconds} s`)
      return { samples, ...format }
    }
    at += 8 + length + (length % 2)
  }
  throw wrong('has no samples')
}

const refuse = (reason: string) => new ProvisioningFailure('RECORDINGS_UNUSABLE', `The zip of recordings ${reason}.`, { isLasting: true })
