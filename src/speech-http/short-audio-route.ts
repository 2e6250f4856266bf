import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { withReservedCapacity } from '../recognition/recognizers-port.ts'
import { type AuthorizedCaller, authorize, findClientId, findSecret, isProvisioning } from '../speech/authorization.ts'
import type { DataPlane } from '../speech/data-plane.ts'
import { detailedAlternatives, findLanguageWarning, findParameter, type RecognitionOptions, type RequestedOptions, readOptions } from '../speech/options.ts'
import { refuseUnsupportedHeaders } from '../speech/unsupported.ts'
import { maxShortAudioSeconds } from './recording-limits.ts'
import { hearRecording, provenance, readShortAudio, toShortAudioJson } from './short-audio.ts'
import { writeWarnings } from './warnings.ts'

export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  query: URLSearchParams
  /** Aborted when the client has disconnected. */
  gone: AbortSignal
}

/** Recognizes a posted recording of at most {@link maxShortAudioSeconds}. */
export async function recognizeShortAudio(speech: DataPlane, exchange: Exchange & Pick<RequestedOptions, 'pathMode'>): Promise<void> {
  const { request, response, pathMode, query, gone } = exchange
  const admitted = await speech.letIn(request, authorize(speech, findSecret(request, query), findParameter(query, 'cid') ?? '', findClientId(request, query)))
  refuseUnsupportedHeaders(request.headers)
  const options = readOptions({ served: admitted.served, pathMode, query })
  const { figures } = speech
  const isProof = isProvisioning(admitted.caller)
  const recognizers = isProof ? withReservedCapacity(speech.recognizers) : speech.shadows.follow(speech.recognizers, admitted.served)
  await whileAllowed(speech, admitted, gone, async (signal) => {
    if (request.headers.expect) response.writeContinue()
    const hearing = { recognizers, figures, decoders: speech.decoders }
    const recording = readShortAudio(request, hearing, signal)
    const heard = await hearRecording(hearing, toRecordingRequest(admitted, options), recording, maxShortAudioSeconds, signal)
    const warnings = [findLanguageWarning(admitted.served, query) ?? [], heard.warnings].flat()
    sendJson(response, toShortAudioJson(heard, options, speech.filter), {
      ...provenance(admitted.served, options.mode),
      ...writeWarnings(warnings),
    })
  })
}

/** Runs `work` in a session slot. The signal aborts when the client disconnects or the key or the deployment loses access. */
export async function whileAllowed(
  speech: DataPlane,
  admitted: AuthorizedCaller,
  gone: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const leave = speech.sessionLimits.enter(admitted)
  const ended = new AbortController()
  const unwatch = speech.revocation.watch(admitted, (problem) => ended.abort(problem))
  try {
    await work(AbortSignal.any([gone, ended.signal]))
  } finally {
    unwatch()
    leave()
  }
}

const toRecordingRequest = ({ served, model }: AuthorizedCaller, { mode, listening, detailed, wordTimings, phrases }: RecognitionOptions) => ({
  model,
  workspaceId: served.deployment.workspaceId,
  deploymentId: served.deployment.id,
  mode,
  listening,
  alternatives: detailed ? detailedAlternatives : 1,
  wordTimings,
  phrases,
})

export function sendJson(response: ServerResponse, value: object, headers: OutgoingHttpHeaders = {}) {
  const body = JSON.stringify(value)
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body), ...headers })
  response.end(body)
}
