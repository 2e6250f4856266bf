import { open } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { storedFile } from '../artifacts/source.ts'
import type { Artifacts } from '../artifacts/store.ts'
import { hasScope, type Service } from '../domain/context.ts'
import { findTestItem } from '../evaluation/test-set.ts'
import type { Cors } from '../http/cors.ts'
import { ProblemError, sendProblem } from '../http/problem.ts'
import { presentRequestId } from '../http/request-record.ts'
import { letIn } from '../http/strangers.ts'
import type { TestItemRow } from '../postgres/evaluation/evaluation-tables.ts'
import { logUnavailable } from '../postgres/log-unavailable.ts'
import { explainUnavailable } from '../postgres/unavailable.ts'
import { readRange } from './byte-range.ts'

interface Downloads extends Service {
  artifacts: Artifacts
}

const pattern = /^\/test-sets\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/items\/(\d{1,6})\/audio$/

export const isTestItemPath = (path: string) => pattern.test(path)
export const testItemRoute = '/test-sets/{id}/items/{number}/audio'

const headerBytes = 44

/** Sends the audio of a recording of a test set as WAV: `GET /test-sets/<id>/items/<number>/audio`, with a READ key. */
export function createTestItemAudio(service: Downloads, { cors }: { cors: Cors }) {
  const send = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new ProblemError(405, 'METHOD_NOT_ALLOWED', 'Read the audio with GET.', { headers: { allow: 'GET, HEAD' } })
    const { item, sha256, size } = await find(service, request)
    const total = headerBytes + item.byteLength
    const etag = `"${sha256.slice(0, 22)}-${item.number}"`
    const headers = { 'cache-control': 'private, max-age=3600', 'x-content-type-options': 'nosniff', 'accept-ranges': 'bytes', etag }
    if (request.headers['if-none-match'] === etag) return void response.writeHead(304, headers).end()
    const isCurrent = request.headers['if-range'] === undefined || request.headers['if-range'] === etag
    const range = readRange(isCurrent ? request.headers.range : undefined, total)
    if (range === 'UNSATISFIABLE')
      throw new ProblemError(416, 'RANGE_NOT_SATISFIABLE', `The audio has ${total} bytes. Request a range within it.`, {
        headers: { 'content-range': `bytes */${total}` },
      })
    const { start, end } = range ?? { start: 0, end: total - 1 }
    const { audio: path = '' } = request.method === 'HEAD' ? {} : await service.artifacts.fetch({ files: [storedFile('audio', { sha256, size })] })
    response.writeHead(range ? 206 : 200, {
      ...headers,
      'content-type': 'audio/wav',
      'content-length': end - start + 1,
      ...(range && { 'content-range': `bytes ${start}-${end}/${total}` }),
    })
    if (request.method === 'HEAD') return void response.end()
    await pipeline(readBytes(path, item, start, end), response)
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      if (cors(request, response)) return
      await send(request, response)
    } catch (error) {
      if (response.destroyed || response.headersSent) return void response.destroy()
      sendProblem(response, error instanceof ProblemError ? error : unexpected(service, error))
    }
  }
}

async function find(service: Downloads, request: IncomingMessage): Promise<{ item: TestItemRow; sha256: string; size: number }> {
  const secret = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const viewer = secret ? await letIn(request, service.keyring.authenticate(secret)) : null
  if (!viewer)
    throw new ProblemError(401, 'UNAUTHENTICATED', 'Send a key with the scope READ as Authorization: Bearer.', { headers: { 'www-authenticate': 'Bearer' } })
  if (!hasScope(viewer, 'READ')) throw new ProblemError(403, 'SCOPE_MISSING', 'This key lacks the scope READ. Use a key that has it.')
  const [, testSetId = '', number = ''] = pattern.exec(new URL(request.url ?? '/', 'http://downloads').pathname) ?? []
  const found = await findTestItem(service, viewer.workspaceId, { testSetId, number: Number(number) })
  if (!found?.testSet.audio)
    throw new ProblemError(404, 'RECORDING_NOT_FOUND', 'The workspace has no such recording. Read the URLs from the items of a test set.')
  return { item: found.item, ...found.testSet.audio }
}

/** A part of the WAV file: the header, then samples from the file of the test set. */
async function* readBytes(path: string, item: TestItemRow, start: number, end: number): AsyncGenerator<Buffer> {
  if (start < headerBytes) yield wavHeader(item).subarray(start, Math.min(headerBytes, end + 1))
  if (end < headerBytes) return
  const file = await open(path)
  const first = item.byteOffset + Math.max(0, start - headerBytes)
  yield* file.createReadStream({ start: first, end: item.byteOffset + end - headerBytes })
}

/** The header of 16-bit mono samples. */
function wavHeader({ byteLength, sampleRate }: TestItemRow): Buffer {
  const header = Buffer.alloc(headerBytes)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(36 + byteLength, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(sampleRate, 24)
  header.writeUInt32LE(sampleRate * 2, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(byteLength, 40)
  return header
}

function unexpected({ log }: Downloads, error: unknown): ProblemError {
  const id = presentRequestId()
  const unavailable = explainUnavailable(error)
  if (unavailable) {
    logUnavailable(log, error, id)
    return new ProblemError(503, unavailable.code, unavailable.message, { headers: { 'retry-after': String(unavailable.retryAfterSeconds) } })
  }
  log.error({ id, error }, 'the audio of a recording was not sent')
  return new ProblemError(500, 'DOWNLOAD_FAILED', `The audio cannot be read. Try again. The server's log has the cause under ${id}.`)
}
