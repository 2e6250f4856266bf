// The process that unpacks one .tar.gz: whatever its bytes do, they do it here.
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Parser, type ReadEntry } from 'tar'
import { answerTask } from '../sandbox/answer.ts'
import { unpackedLimit } from '../sandbox/reading-limits.ts'
import { TaskRefusal } from '../sandbox/task.ts'

export interface Extraction {
  archive: string
  /** Where each wanted file is written, by its path in the archive or by the last part of that. */
  places: Record<string, string>
  by: 'PATH' | 'NAME'
  maxFileBytes: number
}

/** What a whole archive may unpack to; files that are passed over count as well. */
const maxTotalBytes = 2e9
const maxEntries = 10_000
const maxPathLength = 1_000

answerTask<Extraction, string[]>(async ({ archive, places, by, maxFileBytes }, tell) => {
  const written = new Set<string>()
  const writing: Promise<void>[] = []
  const limit = unpackedLimit((await stat(archive)).size, maxTotalBytes)
  let problem: unknown
  let [entries, total] = [0, 0]
  const parser = new Parser({ strict: true })
  const giveUp = (error: unknown) => {
    problem ??= error
    // A loop that waits for the parser waits for nothing else.
    parser.emit('drain')
  }
  const judge = ({ path, size }: ReadEntry, place: string | undefined): string | undefined => {
    if (entries > maxEntries) return `has more than ${maxEntries} entries`
    if (path.length > maxPathLength) return `has an entry whose path has more than ${maxPathLength} characters: entry ${entries}`
    if (total > limit.bytes) return `unpacks to more than ${limit.words}, at entry ${entries}`
    if (place && written.has(place)) return `has two files like ${basename(path)}`
    if (place && size > maxFileBytes) return `has a file of more than ${maxFileBytes / 1e6} MB: ${basename(path)}`
    return undefined
  }
  parser.on('error', (error) => giveUp(new TaskRefusal(`is damaged (${(error as Error).message})`)))
  parser.on('entry', (entry: ReadEntry) => {
    entries++
    total += entry.size
    if (entries % 100 === 1) tell.place(`entry ${entries}`)
    const wanted = by === 'PATH' ? entry.path : basename(entry.path)
    const place = entry.type === 'File' && Object.hasOwn(places, wanted) ? places[wanted] : undefined
    const reason = judge(entry, place)
    if (reason) giveUp(new TaskRefusal(reason))
    if (!place || problem) return void entry.resume()
    written.add(place)
    writing.push(pipeline(Readable.from(entry as unknown as AsyncIterable<Buffer>), createWriteStream(place, { flush: true })).catch(giveUp))
  })
  const ended = once(parser, 'end').catch(giveUp)
  for await (const piece of createReadStream(archive)) {
    if (problem) break
    if (!parser.write(piece as Buffer) && !problem) await once(parser, 'drain')
  }
  if (!problem) {
    parser.end()
    await ended
  }
  if (problem) throw problem
  await Promise.all(writing)
  if (problem) throw problem
  return [...written]
})
