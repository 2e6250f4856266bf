import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Artifacts } from '../artifacts/store.ts'
import { SharedSlots } from '../capacity/shared-slots.ts'
import type { Viewer } from '../domain/context.ts'
import { hasScope, type Service } from '../domain/context.ts'
import { readDiskUsage } from '../domain/disk-usage.ts'
import { DiskQuotaExceededError, ExpectedError } from '../domain/errors.ts'
import { explainRate, toRateHeaders } from '../domain/mutation-rate.ts'
import type { TrainingTextStatistics } from '../domain/training-text.ts'
import { receiveUpload, recordUpload, type UploadRefusal } from '../domain/upload.ts'
import type { Cors } from '../http/cors.ts'
import { ProblemError, sendProblem } from '../http/problem.ts'
import { presentRequestId } from '../http/request-record.ts'
import { letIn } from '../http/strangers.ts'
import { logUnavailable } from '../postgres/log-unavailable.ts'
import type { UploadKind } from '../postgres/tables.ts'
import { explainUnavailable } from '../postgres/unavailable.ts'
import { checkSize, receiveFile } from './receive-file.ts'
import { diskFull } from './refusals.ts'

interface Uploads extends Service {
  artifacts: Artifacts
}

export const uploadsPath = '/uploads'

const kinds: Record<string, UploadKind> = { text: 'TEXT', recordings: 'RECORDINGS', 'acoustic-model': 'ACOUSTIC_MODEL' }
/**
 * Uploads that a process receives at once, and how many of these slots one workspace cannot use. Further uploads wait,
 * and their bodies are not read meanwhile. A sender that is too slow loses its slot to a waiting upload.
 */
export const uploadSlots = { slots: 8, kept: 2, maxWaiting: 64 }
const waitMs = 15_000

/** Receives files for custom models: `PUT /uploads?kind=text`, with a MANAGE key. */
export function createUploads(service: Uploads, { maxBytes, cors }: { maxBytes: number; cors: Cors }) {
  const slots = new SharedSlots({ ...uploadSlots, refusal: tooMany })

  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const kind = readKind(request)
    const viewer = await authenticate(service, request)
    const { workspaceId } = viewer
    countUpload(service, viewer, response)
    const limits = { maxBytes, checkQuota: await readQuotaCheck(service, workspaceId) }
    checkSize(Number(request.headers['content-length'] ?? 0), limits)
    const gone = new AbortController()
    response.once('close', () => gone.abort(new Error('the client disconnected')))
    const leave = await slots.take({ workspaceId }, { waitMs, signal: gone.signal })
    try {
      if (request.headers.expect) response.writeContinue()
      let figures: TrainingTextStatistics | undefined
      const file = await service.artifacts.keep(
        async (path) => {
          figures = await receiveFile(request, path, { kind, ...limits, isContested: () => slots.waiting > 0 })
        },
        // A file that the workspace has already does not count; this is known only after its last byte.
        async (kept) => refuse(await receiveUpload(service, { workspaceId, kind, ...kept })),
      )
      const recorded = await recordUpload(service, { workspaceId, kind, ...file, ...(figures ? { figures } : {}) })
      if (recorded instanceof ExpectedError) return refuse(recorded)
      const { id, sha256, size, lines, skippedLines, expiresAt } = recorded
      const answer = { id: toUploadId(id), kind, sizeBytes: size, sha256, ...(figures ? { lines, skippedLines } : {}), expiresAt }
      response.writeHead(201, { 'content-type': 'application/json' }).end(`${JSON.stringify(answer)}\n`)
    } finally {
      leave()
    }
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      if (cors(request, response)) return
      await receive(request, response)
    } catch (error) {
      // A client that disconnected needs no response. Its file is not kept.
      if (request.destroyed && !request.complete) return void response.destroy()
      sendProblem(response, error instanceof ProblemError ? error : unexpected(service, error))
    }
  }
}

/** Counts an upload as a mutation. */
function countUpload({ mutationRate }: Uploads, viewer: Viewer, response: ServerResponse) {
  const refusal = mutationRate.take(viewer, 1)
  for (const [name, value] of Object.entries(toRateHeaders(mutationRate.read(viewer)))) response.setHeader(name, value)
  if (refusal) throw new ProblemError(429, 'RATE_LIMITED', explainRate(refusal), { headers: { 'retry-after': String(refusal.retryAfter) }, members: refusal })
}

/** Checks sizes against the workspace's current disk usage. A further check under the workspace's lock follows after the last byte. */
async function readQuotaCheck({ store, limits }: Uploads, workspaceId: string) {
  const usage = await readDiskUsage(store.db, workspaceId)
  return (bytes: number) => (usage.bytes + bytes > limits.diskBytes ? new DiskQuotaExceededError(limits.diskBytes, usage, bytes) : undefined)
}

function refuse(quota: UploadRefusal | undefined) {
  if (!quota) return
  if (quota instanceof DiskQuotaExceededError) throw diskFull(quota)
  const { limit } = quota
  const message = `The workspace has ${limit} unused uploads, which is the limit. Delete some with deleteUpload, or wait until they expire after a day.`
  throw new ProblemError(429, 'UPLOAD_LIMIT', message)
}

const tooMany = (own: number) =>
  new ProblemError(429, 'TOO_MANY_UPLOADS', `Too many uploads are in progress, ${own} of them in this workspace. Try again in a few seconds.`, {
    headers: { 'retry-after': '5' },
  })

/** The global id for GraphQL. */
const toUploadId = (id: string) => Buffer.from(`Upload:${id}`).toString('base64')

function readKind({ method, url }: IncomingMessage): UploadKind {
  if (method !== 'PUT') throw new ProblemError(405, 'METHOD_NOT_ALLOWED', 'Send the file with PUT.')
  const name = new URL(url ?? '/', 'http://uploads').searchParams.get('kind') ?? 'text'
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
  if (!kind) throw new ProblemError(400, 'UNKNOWN_KIND', `The kind is unknown. Send one of ${Object.keys(kinds).join(', ')}.`)
  return kind
}

async function authenticate({ keyring }: Uploads, request: IncomingMessage): Promise<Viewer> {
  const secret = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const viewer = secret ? await letIn(request, keyring.authenticate(secret)) : null
  if (!viewer)
    throw new ProblemError(401, 'UNAUTHENTICATED', 'Send a key with the scope MANAGE as Authorization: Bearer.', { headers: { 'www-authenticate': 'Bearer' } })
  if (!hasScope(viewer, 'MANAGE')) throw new ProblemError(403, 'SCOPE_MISSING', 'This key lacks the scope MANAGE. Use a key that has it.')
  return viewer
}

function unexpected({ log }: Uploads, error: unknown): ProblemError {
  const unavailable = explainUnavailable(error)
  if (unavailable) {
    logUnavailable(log, error, presentRequestId())
    return new ProblemError(503, unavailable.code, unavailable.message, { headers: { 'retry-after': String(unavailable.retryAfterSeconds) } })
  }
  const id = presentRequestId()
  log.error({ id, error }, 'an upload failed')
  return new ProblemError(500, 'UPLOAD_FAILED', `The upload failed. Send the file again. The server's log has the cause under ${id}.`)
}
