import { readFile } from 'node:fs/promises'
import type { Service } from '../domain/context.ts'
import { defaultMode, endpointOf, type ServedDeployment } from '../domain/endpoint.ts'
import { ProvisioningFailure } from '../domain/failure.ts'
import type { Tokens } from '../domain/token.ts'
import type { Evidence } from '../postgres/tables.ts'
import { countWordErrors, wordErrorRate } from '../recognition/word-errors.ts'

interface Verifier extends Service {
  tokens: Tokens
}

/** A quarter of the reference's words may be lost to a custom model's own habits; a broken model loses more. */
const worstWordErrorRate = 0.25
const verificationMs = 60_000

/** Calls the URL that users will call, as they will call it, and compares what comes back. */
export async function verifyEndpoint(service: Verifier, { deployment, acousticModel }: ServedDeployment, signal: AbortSignal): Promise<Evidence> {
  const reference = service.catalog.references.get(deployment.locale)
  if (!reference) throw new ProvisioningFailure('REFERENCE_MISSING', `The catalog has no reference recording for ${deployment.locale}.`, { isLasting: true })
  const audio = await readFile(reference.audioFile)
  const url = endpointOf(service, deployment.id, defaultMode[acousticModel.scenario]).httpUrl
  const token = service.tokens.issue({ workspaceId: deployment.workspaceId, deploymentId: deployment.id, expiresAt: Date.now() + 2 * verificationMs })
  const started = performance.now()
  const response = await fetch(url, {
    method: 'POST',
    body: audio,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'audio/wav' },
    signal: AbortSignal.any([signal, AbortSignal.timeout(verificationMs)]),
  }).catch((cause) => {
    throw new ProvisioningFailure(
      'ENDPOINT_UNREACHABLE',
      `The endpoint's own URL does not answer: ${url}. Check PUBLIC_URL and that a process with the role speech is running.`,
      { isLasting: false, cause },
    )
  })
  const answer = (await response.json().catch(() => ({}))) as { DisplayText?: string; detail?: string }
  const latencyMs = Math.round(performance.now() - started)
  if (!response.ok) {
    throw new ProvisioningFailure(
      'VERIFICATION_REFUSED',
      `The endpoint answered the reference recording with ${response.status}: ${answer.detail ?? 'no reason given'}`,
      { isLasting: false },
    )
  }
  const transcript = answer.DisplayText ?? ''
  if (wordErrorRate([countWordErrors(reference.text, transcript)]) > worstWordErrorRate) {
    throw new ProvisioningFailure(
      'TRANSCRIPT_WRONG',
      `The endpoint heard "${transcript}" where the reference recording says "${reference.text}". The model's files may be damaged or mixed up.`,
      { isLasting: true },
    )
  }
  return { url, referenceText: reference.text, transcript, latencyMs, audioMs: Math.round((audio.length - 44) / 32), verifiedAt: new Date().toISOString() }
}
