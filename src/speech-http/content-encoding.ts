import { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { ProblemError } from '../http/problem.ts'

const decoders = { gzip: createGunzip, 'x-gzip': createGunzip, deflate: createInflate, br: createBrotliDecompress, zstd: createZstdDecompress }
const maxEncodings = 2

/**
 * Decodes the Content-Encoding of a body while it is read. The body is decoded only as far as it is read, so the reader
 * limits the decoded size.
 */
export function unpackContent(body: AsyncIterable<Buffer>, contentEncoding: string | undefined): AsyncIterable<Buffer> {
  const encodings = (contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding && encoding !== 'identity')
  const unknown = encodings.find((encoding) => !(encoding in decoders))
  if (unknown || encodings.length > maxEncodings)
    throw new ProblemError(415, 'UNSUPPORTED_ENCODING', 'This Content-Encoding is not supported. Send gzip, deflate, br, zstd or no Content-Encoding.', {
      headers: { 'accept-encoding': 'gzip, deflate, br, zstd' },
    })
  return encodings.reduceRight((packed, encoding) => unpack(packed, encoding as keyof typeof decoders), body)
}

async function* unpack(body: AsyncIterable<Buffer>, encoding: keyof typeof decoders): AsyncGenerator<Buffer> {
  const source = Readable.from(body, { objectMode: false, highWaterMark: 64 * 1024 })
  const decoder = decoders[encoding]()
  let failure: unknown
  source.once('error', (error) => {
    failure = error
    decoder.destroy(error)
  })
  source.pipe(decoder)
  try {
    for await (const chunk of decoder) yield chunk as Buffer
  } catch (error) {
    throw failure ?? broken(error, encoding)
  } finally {
    source.destroy()
    decoder.destroy()
  }
}

const broken = (error: unknown, encoding: string) =>
  error instanceof Error && 'code' in error && /^(Z_|ERR_|ZSTD_)/.test(String(error.code))
    ? new ProblemError(400, 'INVALID_ENCODING', `The body does not match its Content-Encoding (${encoding}). Send it again, or without that header.`)
    : error
