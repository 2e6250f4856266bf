// The process that unpacks one .tar.gz, isolated from the server.
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
  /** The target path of each wanted file, by its path or its name in the archive. */
  paths: Record<string, string>
  by: 'PATH' | 'NAME'
  maxFileBytes: number
}

/** The maximum size of the unpacked archive, including files that are skipped. */
const maxTotalBytes = 2e9
const maxEntries = 10_000
const maxPathLength = 1_000

answerTask<Extraction, string[]>(async ({ archive, paths, by, maxFileBytes }, tell) => {
  const written = new Set<string>()
  const writing: Promise<void>[] = []
  const limit = unpackedLimit((await stat(archive)).size, maxTotalBytes)
  let problem: unknown
  let [entries, total] = [0, 0]
  const parser = new Parser({ strict: true })
  const giveUp = (error: unknown) => {
    problem ??= error
    // The loop below waits for this event only.
    parser.emit('drain')
  }
  const findProblem = ({ path, size }: ReadEntry, target: string | undefined): string | undefined => {
    if (entries > maxEntries) return `has more than ${maxEntries} entries`
    if (path.length > maxPathLength) return `has an entry whose path has more than ${maxPathLength} characters: entry ${entries}`
    if (total > limit.bytes) return `unpacks to more than ${limit.words}, at entry ${entries}`
    if (target && written.has(target)) return `has two files named ${basename(path)}`
    if (target && size > maxFileBytes) return `has a file of more than ${maxFileBytes / 1e6} MB: ${basename(path)}`
    return undefined
  }
  parser.on('error', (error) => giveUp(new TaskRefusal(`is damaged (${(error as Error).message})`)))
  parser.on('entry', (entry: ReadEntry) => {
    entries++
    total += entry.size
    if (entries % 100 === 1) tell.place(`entry ${entries}`)
    const wanted = by === 'PATH' ? entry.path : basename(entry.path)
    const target = entry.type === 'File' && Object.hasOwn(paths, wanted) ? paths[wanted] : undefined
    const reason = findProblem(entry, target)
    if (reason) giveUp(new TaskRefusal(reason))
    if (!target || problem) return void entry.resume()
    written.add(target)
    writing.push(pipeline(Readable.from(entry as unknown as AsyncIterable<Buffer>), createWriteStream(target, { flush: true })).catch(giveUp))
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
