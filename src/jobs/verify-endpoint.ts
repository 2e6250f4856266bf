import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Tokens } from '../access/speech-token.ts'
import { countWordErrors, wordErrorRate } from '../decoding/word-errors.ts'
import type { Service } from '../domain/context.ts'
import { type Endpoint, endpointOf, type ServedDeployment } from '../domain/endpoint.ts'
import { defaultMode } from '../domain/recognition-mode.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import { limitLog } from '../log-limit.ts'
import type { Evidence } from '../postgres/deployment-tables.ts'
import { CallFailure, type CallFailureKind, explainPhrase, explainResponse, pathOf, unreachable, wrongRevision } from './call-failure.ts'
import { callWebSocket, type EndpointAnswer } from './call-websocket.ts'
import { checkPublicUrl } from './check-public-url.ts'

export interface Verifier extends Service {
  tokens: Tokens
  /** The URL at which this process reaches a process with the role speech. */
  internalUrl: string
}

/** Reports that a call waits for its next try: the share of the longest wait that has passed, and why. */
type WaitListener = (share: number, message: string) => void

/** The maximum word error rate on the reference recording. A custom model can make some errors; a broken model makes more. */
const maxWordErrorRate = 0.25
const verificationMs = 60_000
/**
 * The time for which calls with the same kind of failure are repeated. A busy endpoint gets capacity again. An endpoint
 * that does not answer can be restarting; after this time, the whole job is tried again. The time limit of the stage
 * must be at least twice the longest of these.
 */
const maxRetryMs = { BUSY: 300_000, AWAY: 5_000, LASTING: 0 }
/** The clocks of two machines can differ by minutes. The token allows one deployment only, and each call has a new one. */
const tokenMs = 15 * 60_000
/** The check of the public URL ends this long after the test. */
const extraCheckMs = 500
const pause = { firstMs: 250, maxMs: 5_000 }

/**
 * Calls both routes of the deployment as clients do, through the internal URL, and compares the transcripts with the
 * reference. The calls run at the same time if `isAtOnce`, which needs two free recognizers. A public URL that does not
 * lead to the deployment is a warning. The evidence has the public URLs, since the internal address is not for tenants.
 */
export async function verifyEndpoint(
  service: Verifier,
  { deployment, revision, acousticModel }: ServedDeployment,
  { signal, waiting, isAtOnce }: { signal: AbortSignal; waiting: WaitListener; isAtOnce: boolean },
): Promise<Evidence> {
  const reference = service.catalog.references.get(deployment.locale)
  if (!reference)
    throw new JobFailure('REFERENCE_MISSING', `The catalog has no reference recording for ${deployment.locale}. Add one to the catalog.`, { isLasting: true })
  const audio = await readFile(reference.audioFile)
  const mode = defaultMode[acousticModel.scenario]
  const endpoint = endpointOf({ publicUrl: service.internalUrl }, deployment.id, mode)
  // While another revision serves, the token leads to the one that is tested.
  const tested = revision === deployment.revision ? undefined : revision
  const issueToken = () =>
    service.tokens.issue({ workspaceId: deployment.workspaceId, deploymentId: deployment.id, revision: tested, expiresAt: service.store.now() + tokenMs })
  const retry: Retry = { signal, waiting, began: performance.now(), maxPauseMs: service.limits.noticeSeconds * 1000 }
  const verify = (url: string, call: Call, signal: AbortSignal) =>
    repeat({ ...retry, signal }, async () => {
      const started = performance.now()
      const { transcript, revision: answered } = await call(endpoint, issueToken(), audio, AbortSignal.any([signal, AbortSignal.timeout(verificationMs)]))
      const latencyMs = Math.round(performance.now() - started)
      if (tested !== undefined && answered !== tested) throw wrongRevision(url, answered)
      if (wordErrorRate([countWordErrors(reference.text, transcript, deployment.locale)]) > maxWordErrorRate)
        throw wrongTranscript(url, transcript, reference.text)
      return { url, transcript, latencyMs }
    })
  const known = endpointOf(service, deployment.id, mode)
  const proveHttp = (signal: AbortSignal) => verify(known.httpUrl, post, signal)
  const proveWebSocket = (signal: AbortSignal) => verify(known.webSocketUrl, stream, signal)
  const checkEnd = new AbortController()
  const checking =
    service.internalUrl === service.publicUrl ? undefined : checkPublicUrl(known, service.publicUrl, issueToken(), AbortSignal.any([signal, checkEnd.signal]))
  const [http, webSocket] = await (isAtOnce ? together(signal, proveHttp, proveWebSocket) : inTurn(signal, proveHttp, proveWebSocket)).catch((error) => {
    checkEnd.abort()
    if (!signal.aborted) limitLog(service.log).warn({ deploymentId: deployment.id, url: endpoint.httpUrl, reason: error }, 'a deployment did not pass its test')
    throw error
  })
  const timer = setTimeout(() => checkEnd.abort(), extraCheckMs)
  const warning = await checking
  clearTimeout(timer)
  if (warning) limitLog(service.log).warn({ deploymentId: deployment.id, warning }, 'PUBLIC_URL does not lead to a deployment')
  return {
    ...http,
    webSocket,
    ...(warning && { warning }),
    referenceText: reference.text,
    audioMs: Math.round((audio.length - 44) / 32),
    verifiedAt: new Date().toISOString(),
  }
}

type Part<T> = (signal: AbortSignal) => Promise<T>

const inTurn = async <A, B>(signal: AbortSignal, one: Part<A>, other: Part<B>): Promise<[A, B]> => [await one(signal), await other(signal)]

/** Runs both; the failure of one ends the other. */
async function together<A, B>(signal: AbortSignal, one: Part<A>, other: Part<B>): Promise<[A, B]> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const both = [one(either), other(either)] as const
  try {
    return await Promise.all(both)
  } catch (error) {
    failed.abort(error)
    await Promise.allSettled(both)
    throw error
  }
}

interface Retry {
  signal: AbortSignal
  waiting: WaitListener
  /** The begin of the stage, on the monotonic clock. */
  began: number
  /** The maximum pause. After a longer one, the deployment would count as stalled. */
  maxPauseMs: number
}

/** Repeats a call after a temporary failure. The pause grows, and is at least the one that the endpoint asks for. */
async function repeat<T>({ signal, waiting, began, maxPauseMs }: Retry, call: () => Promise<T>): Promise<T> {
  let failing: { kind: CallFailureKind; since: number } | undefined
  for (let tries = 0; ; tries++) {
    try {
      return await call()
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof CallFailure)) throw error
      const { kind, retryAfterMs = 0 } = error
      const now = performance.now()
      if (failing?.kind !== kind) failing = { kind, since: now }
      const pauseMs = Math.max(retryAfterMs, Math.min(pause.maxMs, pause.firstMs * 2 ** tries))
      // A random part spreads the calls of deployments that were refused together.
      const waitMs = Math.min(maxPauseMs, pauseMs * (1 + Math.random() / 4))
      if (now + waitMs - failing.since > maxRetryMs[kind] || now + waitMs - began > maxRetryMs.BUSY) throw error
      waiting((now + waitMs - began) / maxRetryMs.BUSY, `${error.message} The next call is in ${(waitMs / 1000).toFixed(1)} s.`)
      await delay(waitMs, undefined, { signal })
    }
  }
}

/** Sends the audio to an endpoint and returns its answer; throws a CallFailure without one. */
type Call = (endpoint: Endpoint, token: string, audio: Buffer<ArrayBuffer>, signal: AbortSignal) => Promise<EndpointAnswer>

const post: Call = async ({ httpUrl }, token, body, signal) => {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'audio/wav' }
  const away = (cause: unknown) => {
    throw unreachable(httpUrl, cause)
  }
  const response = await fetch(httpUrl, { method: 'POST', body, headers, signal }).catch(away)
  const answer = readAnswer(await response.text().catch(away))
  if (!response.ok) throw explainResponse(response.status, answer?.code, answer?.detail ?? 'no reason given', response.headers.get('retry-after'))
  // Another server can answer at this address for a moment, such as a proxy with an error page.
  if (answer?.RecognitionStatus === undefined) return away(new Error('The response is not that of an endpoint.'))
  const refusal = explainPhrase(answer.RecognitionStatus)
  if (refusal) throw refusal
  const revision = response.headers.get('x-revision')
  return { transcript: answer.DisplayText ?? '', revision: revision === null ? undefined : Number(revision) }
}

const stream: Call = ({ webSocketUrl }, token, audio, signal) => callWebSocket(webSocketUrl, token, audio, signal)

interface HttpAnswer {
  RecognitionStatus?: string
  DisplayText?: string
  code?: string
  detail?: string
}

function readAnswer(text: string): HttpAnswer | undefined {
  try {
    const answer: unknown = JSON.parse(text)
    return typeof answer === 'object' && answer !== null ? answer : undefined
  } catch {
    return undefined
  }
}

const wrongTranscript = (url: string, transcript: string, expected: string) =>
  new JobFailure(
    'TRANSCRIPT_WRONG',
    `The endpoint ${pathOf(url)} recognized "${transcript}" in the reference recording, which says "${expected}". Check that the files of the models are complete and belong together.`,
    { isLasting: true },
  )
