import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import yauzl, { type Entry, type ZipFile } from 'yauzl'
import { TaskRefusal } from '../sandbox/task.ts'

export interface ZipLimits {
  entries: number
  nameBytes: number
  fileBytes: number
  /** The limit of all unpacked files, in bytes and in words. */
  total: { bytes: number; words: string }
}

/**
 * Unpacks the files of a zip whose names, without folders, `isWanted` accepts. The unpacked files have numbers as names,
 * so names in the zip cannot choose a path. Sizes are counted during unpacking, since those in the zip can be wrong.
 * Yields name and path. Throws {@link TaskRefusal}.
 */
export async function* unpackZip(
  path: string,
  dir: string,
  isWanted: (name: string) => boolean,
  limits: ZipLimits,
): AsyncGenerator<{ name: string; path: string }> {
  const zip = await openZip(path)
  let [number, total] = [0, 0]
  try {
    for await (const entry of readEntries(zip, limits)) {
      const name = basename(entry.fileName)
      if (!isWanted(name)) continue
      const target = join(dir, `${++number}`)
      const counted = async function* (pieces: AsyncIterable<Buffer>) {
        let size = 0
        for await (const piece of pieces) {
          size += piece.length
          total += piece.length
          if (size > limits.fileBytes) throw new TaskRefusal(`has a file of more than ${limits.fileBytes / 1e6} MB: ${name}`)
          if (total > limits.total.bytes) throw new TaskRefusal(`unpacks to more than ${limits.total.words}, at ${name}`)
          yield piece
        }
      }
      await pipeline(await openEntry(zip, entry), counted, createWriteStream(target)).catch((error) => {
        throw isDamage(error) ? new TaskRefusal(`is damaged at ${name} (${error.message})`) : error
      })
      yield { name, path: target }
    }
  } finally {
    zip.close()
  }
}

/** True for errors of yauzl and zlib. Errors of the file system have a code, and those of zlib begin with Z_. */
const isDamage = (error: NodeJS.ErrnoException) => !(error instanceof TaskRefusal) && (error.code === undefined || error.code.startsWith('Z_'))

function openZip(path: string): Promise<ZipFile> {
  return new Promise((opened, failed) =>
    yauzl.open(path, { lazyEntries: true, autoClose: false }, (error, file) =>
      error ? failed(new TaskRefusal(`cannot be read as a zip (${error.message})`)) : opened(file),
    ),
  )
}

async function* readEntries(zip: ZipFile, limits: ZipLimits): AsyncGenerator<Entry> {
  if (zip.entryCount > limits.entries) throw new TaskRefusal(`has more than ${limits.entries} entries`)
  for (let number = 1; number <= zip.entryCount; number++) {
    zip.readEntry()
    const [entry] = (await Promise.race([once(zip, 'entry'), once(zip, 'end').then(() => [undefined])]).catch((error) => {
      throw new TaskRefusal(`is damaged (${error.message})`)
    })) as [Entry | undefined]
    if (!entry) return
    if (Buffer.byteLength(entry.fileName) > limits.nameBytes)
      throw new TaskRefusal(`has an entry whose name has more than ${limits.nameBytes} bytes: entry ${number}`)
    // The failure of a job names files, and Postgres stores no NUL.
    if (/\p{Cc}/u.test(entry.fileName)) throw new TaskRefusal(`has an entry whose name contains control characters: entry ${number}`)
    yield entry
  }
}

const openEntry = (zip: ZipFile, entry: Entry): Promise<Readable> =>
  new Promise((opened, failed) =>
    zip.openReadStream(entry, (error, found) =>
      error ? failed(new TaskRefusal(`is damaged at ${basename(entry.fileName)} (${error.message})`)) : opened(found),
    ),
  )
