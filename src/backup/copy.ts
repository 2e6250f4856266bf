// COPY over a connection. postgres.js answers a COPY with a stream, and reports neither its end nor an error that comes
// after the last byte. Both are taken from the query. It also leaves the socket paused if the last rows were many.
import { once } from 'node:events'
import { type Readable, Stream, type Writable } from 'node:stream'
import type { Connection } from '../postgres/connection.ts'

/** Sends the output of `COPY … TO STDOUT` to `take`, which is awaited, and returns the number of rows. */
export async function copyOut(connection: Connection, text: string, take: (chunk: Buffer) => Promise<void>): Promise<number> {
  const { stream, ended } = await beginCopy<Readable>(connection, text)
  for await (const chunk of stream) await take(chunk)
  connection.resume()
  return ended
}

/** Sends the chunks to `COPY … FROM STDIN` and returns the number of rows. */
export async function copyIn(connection: Connection, text: string, chunks: AsyncIterable<Buffer>): Promise<number> {
  const { stream, ended } = await beginCopy<Writable>(connection, text)
  // `ended` fails as well.
  stream.on('error', () => {})
  for await (const chunk of chunks) {
    if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), ended])
  }
  stream.end()
  return ended
}

/** The stream of a COPY, and the number of its rows when the server is ready for the next statement. */
async function beginCopy<S extends Readable | Writable>(connection: Connection, text: string): Promise<{ stream: S; ended: Promise<number> }> {
  const [opened, ended] = [Promise.withResolvers<S>(), Promise.withResolvers<number>()]
  const fail = (error: Error) => {
    opened.reject(error)
    ended.reject(error)
  }
  // With few rows, the stream and the end come at once.
  const resolve = (answer: S | { count: number }) => (answer instanceof Stream ? opened.resolve(answer) : ended.resolve(answer.count))
  ended.promise.catch(() => {})
  void connection.lost.then(fail)
  Object.assign(connection.stream(text), { resolve, reject: fail }).simple().execute()
  return { stream: await opened.promise, ended: ended.promise }
}
