// A tar archive as a stream: entries of a few megabytes, each whole in memory. `tar -tzf` lists a backup.
import { Header } from 'tar'

export interface Entry {
  name: string
  body: Buffer
}

const block = 512
const padding = (size: number) => (block - (size % block)) % block
/** The limit of an entry that is read; parts are smaller. */
const maxEntry = 16e6

export function* writeEntry({ name, body }: Entry, at: Date): Generator<Buffer> {
  const header = Buffer.alloc(block)
  new Header({ path: name, size: body.length, mode: 0o600, type: 'File', mtime: at }).encode(header)
  yield header
  yield body
  yield Buffer.alloc(padding(body.length))
}

/** Two empty blocks. */
export const archiveEnd = () => Buffer.alloc(2 * block)

/** The archive is cut off or damaged. */
export class ArchiveError extends Error {}

export async function* readEntries(chunks: AsyncIterable<Buffer>): AsyncGenerator<Entry> {
  const reader = createReader(chunks)
  for (;;) {
    const header = new Header(await reader.take(block))
    if (header.nullBlock) break
    const { path: name, size = 0 } = header
    if (!header.cksumValid || !name || header.type !== 'File' || size > maxEntry) throw new ArchiveError('an entry has no valid header')
    const body = await reader.take(size)
    await reader.take(padding(size))
    yield { name, body }
  }
  // Reads on to the end of the stream, where gzip compares its checksum.
  await reader.drain()
}

function createReader(chunks: AsyncIterable<Buffer>) {
  const source = chunks[Symbol.asyncIterator]()
  let held: Buffer[] = []
  let size = 0
  return {
    async take(wanted: number): Promise<Buffer> {
      while (size < wanted) {
        const { value, done } = await source.next()
        if (done) throw new ArchiveError('it ends too early')
        held.push(value)
        size += value.length
      }
      const all = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held)
      held = [all.subarray(wanted)]
      size -= wanted
      return all.subarray(0, wanted)
    },
    async drain() {
      for (let next = await source.next(); !next.done; next = await source.next());
    },
  }
}
