import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Artifacts } from '../artifacts/store.ts'
import { SharedSlots } from '../capacity/shared-slots.ts'
import { hasScope, type Service } from '../domain/context.ts'
import type { CorpusFigures } from '../domain/corpus.ts'
import { QuotaExceededError } from '../domain/errors.ts'
import { checkUploads, recordUpload } from '../domain/upload.ts'
import type { UploadKind } from '../postgres/tables.ts'
import { explainUnavailable, logUnavailable } from '../postgres/unavailable.ts'
import { sendUploadProblem, UploadProblem } from './problem.ts'
import { receiveFile, tooLarge } from './receive.ts'

interface Uploads extends Service {
  artifacts: Artifacts
}

export const uploadsPath = '/uploads'

const kinds: Record<string, UploadKind> = { text: 'TEXT', recordings: 'RECORDINGS', 'acoustic-model': 'ACOUSTIC_MODEL' }
/**
 * Uploads that a process takes in at once, and how many of them one workspace never has. Others wait for a moment; a body
 * that waits is not read, and one whose sender does not go on gives its place up to them.
 */
const places = { slots: 8, kept: 2, maxWaiting: 64 }
const waitMs = 15_000

/** Takes in files that models are made from: `PUT /uploads?kind=text`, with a MANAGE key. */
export function createUploads(service: Uploads, { largestBytes }: { largestBytes: number }) {
  const slots = new SharedSlots({ ...places, refusal: tooMany })

  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const kind = readKind(request)
    const workspaceId = await authenticate(service, request)
    if (Number(request.headers['content-length'] ?? 0) > largestBytes) throw tooLarge(largestBytes)
    const gone = new AbortController()
    response.once('close', () => gone.abort(new Error('the client has left')))
    const leave = await slots.take({ workspaceId }, { waitMs, signal: gone.signal })
    try {
      if (request.headers.expect) response.writeContinue()
      let figures: CorpusFigures | undefined
      const file = await service.artifacts.keep(
        async (path) => {
          figures = await receiveFile(request, path, { kind, largestBytes, isContested: () => slots.waiting > 0 })
        },
        // Only now is it known whether the workspace has the file already, which is no other upload.
        async ({ sha256 }) => refuse(await checkUploads(service.store.db, service.limits, { workspaceId, kind, sha256 })),
      )
      const recorded = await recordUpload(service, { workspaceId, kind, ...file, ...(figures ? { figures } : {}) })
      if (recorded instanceof QuotaExceededError) return refuse(recorded)
      const { id, sha256, size, lines, skippedLines, expiresAt } = recorded
      const answer = { id: toUploadId(id), kind, sizeBytes: size, sha256, ...(figures ? { lines, skippedLines } : {}), expiresAt }
      response.writeHead(201, { 'content-type': 'application/json' }).end(`${JSON.stringify(answer)}\n`)
    } finally {
      leave()
    }
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await receive(request, response)
    } catch (error) {
      // A client that left in the middle needs no answer; nothing of its file is kept.
      if (request.destroyed && !request.complete) return void response.destroy()
      sendUploadProblem(response, error instanceof UploadProblem ? error : unexpected(service, error))
    }
  }
}

function refuse(quota: QuotaExceededError | undefined) {
  if (!quota) return
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

async function authenticate({ keyring }: Uploads, { headers }: IncomingMessage): Promise<string> {
  const secret = /^Bearer\s+(.+)$/i.exec(headers.authorization ?? '')?.[1]
  const viewer = secret ? await keyring.authenticate(secret) : null
  if (!viewer) throw new UploadProblem(401, 'UNAUTHENTICATED', 'Send a key with the scope MANAGE as Authorization: Bearer.')
  if (!hasScope(viewer, 'MANAGE')) throw new UploadProblem(403, 'SCOPE_MISSING', 'This key may not upload: it lacks the scope MANAGE.')
  return viewer.workspaceId
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
