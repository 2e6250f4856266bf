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
  /** Of all files that are unpacked, and how to say so. */
  total: { bytes: number; words: string }
}

/**
 * Unpacks those files of a zip whose names, without their folders, are wanted; into a directory, under numbers:
 * names in the zip decide nothing. Sizes are counted as they come, whatever the zip claims. Yields name and path;
 * throws {@link TaskRefusal}.
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
      const place = join(dir, `${++number}`)
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
      await pipeline(await openEntry(zip, entry), counted, createWriteStream(place)).catch((error) => {
        throw isDamage(error) ? new TaskRefusal(`is damaged at ${name} (${error.message})`) : error
      })
      yield { name, path: place }
    }
  } finally {
    zip.close()
  }
}

/** What yauzl and zlib find wrong; errors of the file system have a code, those of zlib one that begins with Z_. */
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
    yield entry
  }
}

const openEntry = (zip: ZipFile, entry: Entry): Promise<Readable> =>
  new Promise((opened, failed) =>
    zip.openReadStream(entry, (error, found) =>
      error ? failed(new TaskRefusal(`is damaged at ${basename(entry.fileName)} (${error.message})`)) : opened(found),
    ),
  )
