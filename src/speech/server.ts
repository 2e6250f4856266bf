import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Artifacts } from '../artifacts/store.ts'
import { hasScope, type Service } from '../domain/context.ts'
import { findServedDeployment, type RecognitionMode, recognitionModes, type ServedDeployment } from '../domain/endpoint.ts'
import { isServing } from '../domain/status.ts'
import type { Tokens } from '../domain/token.ts'
import { type Pcm, type Recognizers, RecognizersBusyError } from '../recognition/recognizer.ts'
import { listeningFor } from '../recognition/scenario.ts'
import { openRecognizerModel } from '../recognition/serving.ts'
import { SpeechProblem, sendProblem } from './problem.ts'
import { provenance, readShortAudio, toShortAudioJson } from './short-audio.ts'

export interface SpeechServer extends Service {
  tokens: Tokens
  artifacts: Artifacts
  recognizers: Recognizers
}

const route = new RegExp(`^/speech/recognition/(${recognitionModes.join('|')})/cognitiveservices/v1/?$`)
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** True for the paths that {@link handleSpeech} answers. */
export const isSpeechPath = (path: string) => path.startsWith('/speech/')

/** Recognizes a posted WAV, or says in words why it cannot. */
export async function handleSpeech(speech: SpeechServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  try {
    const url = new URL(request.url ?? '/', 'http://endpoint')
    const mode = route.exec(url.pathname)?.[1] as RecognitionMode | undefined
    if (!mode)
      throw new SpeechProblem(
        404,
        'UNKNOWN_PATH',
        `There is nothing at this path. Use the endpoint's httpUrl; it begins with ${speech.publicUrl}/speech/recognition/.`,
      )
    if (request.method !== 'POST') throw new SpeechProblem(405, 'METHOD_NOT_ALLOWED', 'Send the audio with POST.', { allow: 'POST' })
    const served = await admit(speech, request, url)
    const format = findParameter(url, 'format') ?? 'simple'
    if (format !== 'simple' && format !== 'detailed') throw new SpeechProblem(400, 'UNKNOWN_FORMAT', 'The format is simple or detailed.')
    const audio = await receive(speech, request, response)
    const listening = listeningFor(served.acousticModel.scenario, mode)
    const model = await openRecognizerModel(speech.artifacts, served)
    const recognition = await speech.recognizers.recognize({ model, audio, mode, listening }, gone.signal)
    sendJson(response, toShortAudioJson(recognition, format === 'detailed'), provenance(served, mode))
  } catch (error) {
    // A client that left needs no answer, and its leaving is not our failure.
    if (gone.signal.aborted) return void response.destroy()
    sendProblem(response, toProblem(speech, error))
  }
}

/** Recordings that may be on their way in at once; each may take some megabytes. */
const mostUploads = 100
const uploads = new WeakMap<Recognizers, number>()

async function receive({ recognizers }: SpeechServer, request: IncomingMessage, response: ServerResponse): Promise<Pcm> {
  const others = uploads.get(recognizers) ?? 0
  if (others >= mostUploads) throw new RecognizersBusyError('Too many recordings are being sent at once. Try again in a moment.')
  uploads.set(recognizers, others + 1)
  try {
    if (request.headers.expect) response.writeContinue()
    return await readShortAudio(request)
  } finally {
    uploads.set(recognizers, (uploads.get(recognizers) ?? 1) - 1)
  }
}

/** Answers whoever asks for a WebSocket before the server speaks its protocol: an honest no, in words. */
export function refuseSpeechSocket(socket: Duplex): void {
  const body = JSON.stringify({
    title: 'NOT_IMPLEMENTED',
    status: 501,
    code: 'NOT_IMPLEMENTED',
    detail: "WebSocket recognition is not built yet. POST a WAV file to the endpoint's httpUrl.",
  })
  socket.end(
    `HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

/** Who calls, with which deployment: every reason to refuse has its own code. */
async function admit(speech: SpeechServer, request: IncomingMessage, url: URL): Promise<ServedDeployment> {
  const secret = findSecret(request, url)
  if (!secret) throw unauthorized('KEY_MISSING', 'Send a key in the header Ocp-Apim-Subscription-Key, or a key or token as Authorization: Bearer.')
  const endpointId = findParameter(url, 'cid') ?? ''
  const token = speech.tokens.read(secret)
  const workspaceId = token?.workspaceId ?? (await authenticateRecognizer(speech, secret))
  const served = uuid.test(endpointId) ? await findServedDeployment(speech, workspaceId, endpointId) : undefined
  if (!served || (token && token.deploymentId !== served.deployment.id))
    throw new SpeechProblem(404, 'ENDPOINT_NOT_FOUND', 'There is no endpoint with this id (cid). Copy the URL from the deployment.')
  const { status, failure, progress } = served.deployment
  // A token of provisioning opens the one deployment that it proves, and that one before it is Complete.
  if (isServing(status) || (token && status === 'PROVISIONING')) return served
  if (status === 'FAILED') throw new SpeechProblem(409, 'DEPLOYMENT_FAILED', `The deployment failed: ${failure?.message ?? 'for no recorded reason'}`)
  throw new SpeechProblem(
    409,
    'DEPLOYMENT_NOT_COMPLETE',
    `The deployment is ${status} (${Math.round(progress * 100)} %). Its endpoint answers when it is COMPLETE.`,
  )
}

async function authenticateRecognizer({ keyring }: SpeechServer, secret: string): Promise<string> {
  const viewer = await keyring.authenticate(secret)
  if (!viewer) throw unauthorized('KEY_INVALID', 'This key or token is unknown, expired or revoked.')
  if (!hasScope(viewer, 'RECOGNIZE')) throw new SpeechProblem(403, 'SCOPE_MISSING', 'This key may not recognize speech: it lacks the scope RECOGNIZE.')
  return viewer.workspaceId
}

const unauthorized = (code: string, message: string) => new SpeechProblem(401, code, message, { 'www-authenticate': 'Bearer' })

// The Speech SDK sends keys in headers where it can set them, and in the query where it cannot.
function findSecret(request: IncomingMessage, url: URL): string | undefined {
  const key = request.headers['ocp-apim-subscription-key'] ?? findParameter(url, 'ocp-apim-subscription-key')
  const bearer = request.headers.authorization ?? findParameter(url, 'authorization')
  return (typeof key === 'string' && key) || bearer?.replace(/^Bearer\s+/i, '') || undefined
}

const findParameter = (url: URL, name: string) => [...url.searchParams].find(([given]) => given.toLowerCase() === name)?.[1]

function toProblem({ log }: SpeechServer, error: unknown): SpeechProblem {
  if (error instanceof SpeechProblem) return error
  if (error instanceof RecognizersBusyError) return new SpeechProblem(429, 'TOO_MANY_REQUESTS', error.message, { 'retry-after': '1' })
  const id = crypto.randomUUID()
  log.error({ id, error: error instanceof Error ? error.stack : String(error) }, 'recognition failed')
  return new SpeechProblem(
    503,
    'RECOGNITION_FAILED',
    `The recording could not be recognized. Try again; if it keeps happening, look for ${id} in the server's log.`,
  )
}

function sendJson(response: ServerResponse, value: object, headers: Record<string, string>) {
  const body = JSON.stringify(value)
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body), ...headers })
  response.end(body)
}
