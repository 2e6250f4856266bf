import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Artifacts } from '../artifacts/store.ts'
import { SharedSlots } from '../capacity/shared-slots.ts'
import type { Viewer } from '../domain/context.ts'
import { hasScope, type Service } from '../domain/context.ts'
import { readDiskUsage } from '../domain/disk-usage.ts'
import { DiskQuotaExceededError, ExpectedError } from '../domain/errors.ts'
import { explainRate, toRateHeaders } from '../domain/mutation-rate.ts'
import type { TrainingTextStatistics } from '../domain/training-text.ts'
import { checkUploads, recordUpload, type UploadRefusal } from '../domain/upload.ts'
import type { Cors } from '../http/cors.ts'
import { letIn } from '../http/strangers.ts'
import type { UploadKind } from '../postgres/tables.ts'
import { explainUnavailable, logUnavailable } from '../postgres/unavailable.ts'
import { sendUploadProblem, UploadProblem } from './problem.ts'
import { checkSize, diskFull, receiveFile } from './receive-file.ts'

interface Uploads extends Service {
  artifacts: Artifacts
}

export const uploadsPath = '/uploads'

const kinds: Record<string, UploadKind> = { text: 'TEXT', recordings: 'RECORDINGS', 'acoustic-model': 'ACOUSTIC_MODEL' }
/**
 * Uploads that a process takes in at once, and how many of them one workspace never has. Others wait for a moment; a body
 * that waits is not read, and one whose sender does not go on gives its place up to them.
 */
export const places = { slots: 8, kept: 2, maxWaiting: 64 }
const waitMs = 15_000

/** Takes in files that models are made from: `PUT /uploads?kind=text`, with a MANAGE key. */
export function createUploads(service: Uploads, { maxBytes, cors }: { maxBytes: number; cors: Cors }) {
  const slots = new SharedSlots({ ...places, refusal: tooMany })

  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const kind = readKind(request)
    const viewer = await authenticate(service, request)
    const { workspaceId } = viewer
    countUpload(service, viewer, response)
    const limits = { maxBytes, checkRoom: await measureRoom(service, workspaceId) }
    checkSize(Number(request.headers['content-length'] ?? 0), limits)
    const gone = new AbortController()
    response.once('close', () => gone.abort(new Error('the client has left')))
    const leave = await slots.take({ workspaceId }, { waitMs, signal: gone.signal })
    try {
      if (request.headers.expect) response.writeContinue()
      let figures: TrainingTextStatistics | undefined
      const file = await service.artifacts.keep(
        async (path) => {
          figures = await receiveFile(request, path, { kind, ...limits, isContested: () => slots.waiting > 0 })
        },
        // Only now is it known whether the workspace has the file already, which is no other upload.
        async (kept) => refuse(await checkUploads(service.store.db, service.limits, { workspaceId, kind, ...kept })),
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
      // A client that left in the middle needs no answer; nothing of its file is kept.
      if (request.destroyed && !request.complete) return void response.destroy()
      sendUploadProblem(response, error instanceof UploadProblem ? error : unexpected(service, error))
    }
  }
}

/** Uploads count as mutations do. */
function countUpload({ mutationRate }: Uploads, viewer: Viewer, response: ServerResponse) {
  const refusal = mutationRate.take(viewer, 1)
  for (const [name, value] of Object.entries(toRateHeaders(mutationRate.read(viewer)))) response.setHeader(name, value)
  if (refusal) throw new UploadProblem(429, 'RATE_LIMITED', explainRate(refusal), [], { 'retry-after': String(refusal.retryAfter) }, refusal)
}

/** What stands against so many bytes more, as the workspace is now; when all have come, it is asked again under its lock. */
async function measureRoom({ store, limits }: Uploads, workspaceId: string) {
  const usage = await readDiskUsage(store.longDb, workspaceId)
  return (bytes: number) => (usage.bytes + bytes > limits.diskBytes ? new DiskQuotaExceededError(limits.diskBytes, usage, bytes) : undefined)
}

function refuse(quota: UploadRefusal | undefined) {
  if (!quota) return
  if (quota instanceof DiskQuotaExceededError) throw diskFull(quota)
  const { limit } = quota
  const message = `The workspace has ${limit} uploads that no model was made from, which is the limit. Delete some with deleteUpload; each is forgotten a day after it came.`
  throw new UploadProblem(429, 'UPLOAD_LIMIT', message)
}

const tooMany = (own: number) =>
  new UploadProblem(429, 'TOO_MANY_UPLOADS', `Too many files are being sent at once, ${own} of them by this workspace. Try again in a moment.`, [], {
    'retry-after': '5',
  })

/** What GraphQL takes as an id. */
const toUploadId = (id: string) => Buffer.from(`Upload:${id}`).toString('base64')

function readKind({ method, url }: IncomingMessage): UploadKind {
  if (method !== 'PUT') throw new UploadProblem(405, 'METHOD_NOT_ALLOWED', 'Send the file with PUT.')
  const wanted = new URL(url ?? '/', 'http://uploads').searchParams.get('kind') ?? 'text'
  const kind = Object.hasOwn(kinds, wanted) ? kinds[wanted] : undefined
  if (!kind) throw new UploadProblem(400, 'UNKNOWN_KIND', `The kind is one of ${Object.keys(kinds).join(', ')}.`)
  return kind
}

async function authenticate({ keyring }: Uploads, request: IncomingMessage): Promise<Viewer> {
  const secret = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const viewer = secret ? await letIn(request, keyring.authenticate(secret)) : null
  if (!viewer) throw new UploadProblem(401, 'UNAUTHENTICATED', 'Send a key with the scope MANAGE as Authorization: Bearer.')
  if (!hasScope(viewer, 'MANAGE')) throw new UploadProblem(403, 'SCOPE_MISSING', 'This key may not upload: it lacks the scope MANAGE.')
  return viewer
}

function unexpected({ log }: Uploads, error: unknown): UploadProblem {
  const unavailable = explainUnavailable(error)
  if (unavailable) {
    logUnavailable(log, error)
    return new UploadProblem(503, unavailable.code, unavailable.message, [], { 'retry-after': String(unavailable.retryAfterSeconds) })
  }
  const id = crypto.randomUUID()
  log.error({ id, error: error instanceof Error ? error.stack : String(error) }, 'an upload failed')
  return new UploadProblem(500, 'UPLOAD_FAILED', `Something went wrong on the server. Send it again; if it fails again, look for ${id} in the server's log.`)
}
