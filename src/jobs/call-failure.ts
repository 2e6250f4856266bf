import { JobFailure } from '../lifecycle/job-failure.ts'

/**
 * BUSY: the endpoint answered that it has no capacity at present. AWAY: the endpoint did not answer, or not completely.
 * LASTING: the endpoint would refuse the next call too.
 */
export type CallFailureKind = 'BUSY' | 'AWAY' | 'LASTING'

/** A call to an endpoint returned no transcript. */
export class CallFailure extends JobFailure {
  readonly kind: CallFailureKind
  /** The wait that the endpoint asks for, if any. */
  readonly retryAfterMs: number | undefined

  constructor(kind: CallFailureKind, code: string, message: string, options: { retryAfterMs?: number | undefined; cause?: unknown } = {}) {
    super(code, message, { isLasting: kind === 'LASTING', cause: options.cause })
    this.kind = kind
    this.retryAfterMs = options.retryAfterMs
  }
}

/** The problem codes that are more precise than the status or close code. */
const kindsOfCodes = new Map<string, CallFailureKind>([
  ['TOO_MANY_SESSIONS', 'BUSY'],
  ['TOO_MANY_REQUESTS', 'BUSY'],
  ['SERVER_ENDING', 'AWAY'],
  ['RECOGNIZER_CRASHED', 'AWAY'],
  ['RECOGNITION_TIMEOUT', 'AWAY'],
  ['RECOGNITION_FAILED', 'AWAY'],
  ['MODEL_UNUSABLE', 'LASTING'],
])
const busyStatuses = new Set([429, 503])
/** Request Timeout and Too Early, the client errors that another try can avoid. */
const passingClientErrors = new Set([408, 425])
/** Protocol error, unsupported data, invalid payload, policy violation, message too big, missing extension. */
const lastingCloses = new Set([1002, 1003, 1007, 1008, 1009, 1010])
const tryAgainLater = 1013

/** The failure for an HTTP response without success. `code` is the code of its problem+json. */
export function explainResponse(status: number, code: string | undefined, reason: string, retryAfter?: string | null): CallFailure {
  const isClientError = status >= 400 && status < 500 && !passingClientErrors.has(status)
  const kind = kindsOfCodes.get(code ?? '') ?? (busyStatuses.has(status) ? 'BUSY' : isClientError ? 'LASTING' : 'AWAY')
  return refused(kind, `${status}: ${reason}`, readRetryAfter(retryAfter))
}

/** The failure for a WebSocket that the endpoint closed before the end of the turn. */
export function explainClose(closeCode: number, reason: string): CallFailure {
  const code = /^[A-Z_]+(?=:|$)/.exec(reason)?.[0]
  const kind = kindsOfCodes.get(code ?? '') ?? (closeCode === tryAgainLater ? 'BUSY' : lastingCloses.has(closeCode) ? 'LASTING' : 'AWAY')
  return refused(kind, reason ? `closed with ${closeCode}, ${reason}` : `closed with ${closeCode}`)
}

const kindsOfPhrases = new Map<string, CallFailureKind>([
  ['TooManyRequests', 'BUSY'],
  ['Error', 'AWAY'],
  ['BadRequest', 'LASTING'],
  ['Forbidden', 'LASTING'],
])

/** The failure for a phrase whose RecognitionStatus is an error; undefined for results, silence included. */
export function explainPhrase(recognitionStatus: string): CallFailure | undefined {
  const kind = kindsOfPhrases.get(recognitionStatus)
  return kind && refused(kind, recognitionStatus)
}

/** The part of an endpoint's URL that messages contain: the rest can be an internal address, which is not for tenants. */
export function pathOf(url: string): string {
  const { pathname, search } = new URL(url)
  return `${pathname}${search}`
}

export const unreachable = (url: string, cause: unknown) =>
  new CallFailure(
    'AWAY',
    'ENDPOINT_UNREACHABLE',
    `The endpoint does not answer at its internal address: ${pathOf(url)}. Check INTERNAL_URL, or PUBLIC_URL without it, and that a process with the role speech is running.`,
    { cause },
  )

/** The failure for an answer of another revision: a process of an older version serves the current one to every caller. */
export const wrongRevision = (url: string, answered: number | undefined) =>
  new CallFailure(
    'AWAY',
    'WRONG_REVISION',
    `The endpoint ${pathOf(url)} answered with ${answered === undefined ? 'no revision' : `revision ${answered}`} instead of the tested one. Check that all processes with the role speech run this version.`,
  )

function refused(kind: CallFailureKind, reason: string, retryAfterMs?: number): CallFailure {
  if (kind === 'BUSY')
    return new CallFailure(kind, 'ENDPOINT_BUSY', `The endpoint has no capacity for the reference recording at present (${reason}).`, { retryAfterMs })
  return new CallFailure(kind, 'VERIFICATION_REFUSED', `The endpoint refused the reference recording: ${reason}`, { retryAfterMs })
}

/** Parses a Retry-After header, which contains seconds or a date. */
function readRetryAfter(value: string | null | undefined): number | undefined {
  if (!value) return undefined
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}
