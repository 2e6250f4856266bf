import { readFile } from 'node:fs/promises'
import type { Service } from '../domain/context.ts'
import { defaultMode, type Endpoint, endpointOf, type ServedDeployment } from '../domain/endpoint.ts'
import { ProvisioningFailure } from '../domain/failure.ts'
import type { Tokens } from '../domain/token.ts'
import type { Evidence } from '../postgres/deployment-tables.ts'
import { countWordErrors, wordErrorRate } from '../recognition/word-errors.ts'
import { callWebSocket } from './call-websocket.ts'

interface Verifier extends Service {
  tokens: Tokens
}

/** A quarter of the reference's words may be lost to a custom model's own habits; a broken model loses more. */
const worstWordErrorRate = 0.25
const verificationMs = 60_000

/** Calls both URLs that users will call, as they will call them, and compares what comes back. */
export async function verifyEndpoint(service: Verifier, { deployment, acousticModel }: ServedDeployment, signal: AbortSignal): Promise<Evidence> {
  const reference = service.catalog.references.get(deployment.locale)
  if (!reference) throw new ProvisioningFailure('REFERENCE_MISSING', `The catalog has no reference recording for ${deployment.locale}.`, { isLasting: true })
  const audio = await readFile(reference.audioFile)
  const endpoint = endpointOf(service, deployment.id, defaultMode[acousticModel.scenario])
  const token = service.tokens.issue({ workspaceId: deployment.workspaceId, deploymentId: deployment.id, expiresAt: Date.now() + 3 * verificationMs })
  const verify = async (url: string, call: Call) => {
    const started = performance.now()
    const transcript = await call(endpoint, token, audio, AbortSignal.any([signal, AbortSignal.timeout(verificationMs)]))
    const latencyMs = Math.round(performance.now() - started)
    if (wordErrorRate([countWordErrors(reference.text, transcript)]) > worstWordErrorRate) throw wrongTranscript(url, transcript, reference.text)
    return { url, transcript, latencyMs }
  }
  const http = await verify(endpoint.httpUrl, post)
  const webSocket = await verify(endpoint.webSocketUrl, stream)
  return { ...http, webSocket, referenceText: reference.text, audioMs: Math.round((audio.length - 44) / 32), verifiedAt: new Date().toISOString() }
}

/** Sends the audio to an endpoint and answers what it heard. */
type Call = (endpoint: Endpoint, token: string, audio: Buffer<ArrayBuffer>, signal: AbortSignal) => Promise<string>

const post: Call = async ({ httpUrl }, token, body, signal) => {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'audio/wav' }
  const response = await fetch(httpUrl, { method: 'POST', body, headers, signal }).catch((cause) => {
    throw unreachable(httpUrl, cause)
  })
  const answer = (await response.json().catch(() => ({}))) as { DisplayText?: string; detail?: string }
  if (!response.ok) throw refused(`${response.status}: ${answer.detail ?? 'no reason given'}`)
  return answer.DisplayText ?? ''
}

const stream: Call = async ({ webSocketUrl }, token, audio, signal) => {
  const { transcript, refusal } = await callWebSocket(webSocketUrl, token, audio, signal).catch((cause) => {
    throw unreachable(webSocketUrl, cause)
  })
  if (refusal) throw refused(refusal)
  return transcript
}

const unreachable = (url: string, cause: unknown) =>
  new ProvisioningFailure(
    'ENDPOINT_UNREACHABLE',
    `The endpoint's own URL does not answer: ${url}. Check PUBLIC_URL and that a process with the role speech is running.`,
    { isLasting: false, cause },
  )

const refused = (reason: string) =>
  new ProvisioningFailure('VERIFICATION_REFUSED', `The endpoint did not take the reference recording: ${reason}`, { isLasting: false })

const wrongTranscript = (url: string, transcript: string, expected: string) =>
  new ProvisioningFailure(
    'TRANSCRIPT_WRONG',
    `The endpoint ${url} heard "${transcript}" where the reference recording says "${expected}". The model's files may be damaged or mixed up.`,
    { isLasting: true },
  )
