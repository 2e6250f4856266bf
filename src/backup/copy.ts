// COPY over a connection. postgres.js answers a COPY with a stream and reports neither its end nor an error that
// comes after the last byte. The query that it keeps is asked for both instead.
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { Connection } from '../postgres/connection.ts'

/** Sends the output of `COPY … TO STDOUT` to `take`, which is awaited, and returns the number of rows. */
export async function copyOut(connection: Connection, text: string, take: (chunk: Buffer) => Promise<void>): Promise<number> {
  const query = connection.stream(text)
  const stream: Readable = await query.readable()
  const ended = watchEnd(query, connection)
  for await (const chunk of stream) await take(chunk)
  return ended
}

/** Sends the chunks to `COPY … FROM STDIN` and returns the number of rows. */
export async function copyIn(connection: Connection, text: string, chunks: AsyncIterable<Buffer>): Promise<number> {
  const query = connection.stream(text)
  const stream: Writable = await query.writable()
  const ended = watchEnd(query, connection)
  // Each way to fail ends `ended`, so the error of the stream is known already.
  stream.on('error', () => {})
  for await (const chunk of chunks) {
    if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), ended])
  }
  stream.end()
  return ended
}

/** Settles when the server is ready for the next statement. */
function watchEnd(query: ReturnType<Connection['stream']>, connection: Connection): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  Object.assign(query, { resolve: ({ count }: { count: number }) => resolve(count), reject })
  void connection.lost.then(reject)
  promise.catch(() => {})
  return promise
}
