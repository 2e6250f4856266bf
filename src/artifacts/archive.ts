import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Parser, type ReadEntry } from 'tar'
import { ProvisioningFailure } from '../domain/failure.ts'

/** What a whole archive may unpack to; what is passed over counts as well. */
const largestTotal = 2e9
const mostEntries = 10_000

/** Where a file of an archive shall be written; undefined for those that nobody wants. */
type Choose = (path: string) => string | undefined

/**
 * Takes some files out of a .tar.gz, each to a place of our own choosing: names in the archive decide nothing,
 * and only plain files are taken. Sizes are counted as they come. Answers which places were written.
 */
export async function extractFiles(archive: string, choose: Choose, largestFile: number, signal: AbortSignal): Promise<Set<string>> {
  const written = new Set<string>()
  const writing: Promise<void>[] = []
  let problem: unknown
  let [entries, total] = [0, 0]
  const parser = new Parser({ strict: true })
  const giveUp = (error: unknown) => {
    problem ??= error
    // Whoever waits for the parser waits for nothing else.
    parser.emit('drain')
  }
  parser.on('error', (error) => giveUp(refuse(`is damaged (${(error as Error).message})`)))
  parser.on('entry', (entry: ReadEntry) => {
    total += entry.size
    const place = entry.type === 'File' ? choose(entry.path) : undefined
    if (++entries > mostEntries || total > largestTotal) giveUp(refuse('holds too much'))
    else if (place && written.has(place)) giveUp(refuse(`has two files like ${entry.path.split('/').at(-1)}`))
    else if (place && entry.size > largestFile) giveUp(refuse(`has a file of more than ${largestFile / 1e6} MB`))
    if (!place || problem) return void entry.resume()
    written.add(place)
    writing.push(pipeline(Readable.from(entry as unknown as AsyncIterable<Buffer>), createWriteStream(place, { flush: true }), { signal }).catch(giveUp))
  })
  const ended = once(parser, 'end', { signal }).catch(giveUp)
  for await (const piece of createReadStream(archive)) {
    signal.throwIfAborted()
    if (problem) break
    if (!parser.write(piece as Buffer) && !problem) await once(parser, 'drain', { signal })
  }
  if (!problem) {
    parser.end()
    await ended
  }
  if (problem) throw problem
  await Promise.all(writing)
  if (problem) throw problem
  return written
}

const refuse = (reason: string) =>
  new ProvisioningFailure('ARCHIVE_UNUSABLE', `The archive ${reason}. Pack the files into a plain .tar.gz again.`, { isLasting: true })
