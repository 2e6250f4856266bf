import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RecognitionMode } from '../domain/recognition-mode.ts'
import { ProblemError, sendProblem } from '../http/problem.ts'
import type { DataPlane } from '../speech/data-plane.ts'
import { isOpenAiPath, modePath, universalPath } from '../speech/paths.ts'
import { explainPath, isOtherServicePath, unknownOpenAiPath } from '../speech/unsupported.ts'
import { allowAnyOrigin, answerPreflight } from './any-origin.ts'
import { issueToken } from './issue-token.ts'
import { toOpenAiError } from './openai-error.ts'
import { getModel, listModels } from './openai-models.ts'
import { transcribe } from './openai-transcription.ts'
import { type Exchange, recognizeShortAudio } from './short-audio-route.ts'

interface SpeechRoute {
  /** For metrics and the log. */
  name: string
  path: RegExp
  method: 'GET' | 'POST'
  answer(speech: DataPlane, exchange: Exchange, match: RegExpExecArray): Promise<void>
}

const routes: SpeechRoute[] = [
  {
    name: '/speech/recognition/:mode',
    path: modePath,
    method: 'POST',
    answer: (speech, exchange, [, mode]) => recognizeShortAudio(speech, { ...exchange, pathMode: mode as RecognitionMode }),
  },
  {
    name: '/speech/universal',
    path: universalPath,
    method: 'POST',
    answer: (speech, exchange) => recognizeShortAudio(speech, { ...exchange, pathMode: undefined }),
  },
  { name: '/sts/v1.0/issuetoken', path: /^\/sts\/v1\.0\/issuetoken\/?$/i, method: 'POST', answer: issueToken },
  { name: '/v1/audio/transcriptions', path: /^\/v1\/audio\/transcriptions\/?$/, method: 'POST', answer: transcribe },
  { name: '/v1/models', path: /^\/v1\/models\/?$/, method: 'GET', answer: listModels },
  { name: '/v1/models/:id', path: /^\/v1\/models\/([^/]+)\/?$/, method: 'GET', answer: getModel },
]

/** The name of the route of a path of the data plane. */
export const nameSpeechRoute = (pathname: string): string => routes.find(({ path }) => path.test(pathname))?.name ?? 'unknown'

/** The refusal of an unknown path, with the paths that exist. */
function explainUnknownPath({ publicUrl }: DataPlane, path: string): ProblemError {
  if (isOpenAiPath(path)) return unknownOpenAiPath(path)
  if (isOtherServicePath(path)) return explainPath(path)
  return new ProblemError(404, 'UNKNOWN_PATH', `This path does not exist. Use the endpoint's httpUrl, which begins with ${publicUrl}/speech/recognition/.`)
}

/** Handles the HTTP requests of the data plane. */
export async function handleSpeech(speech: DataPlane, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort(new Error('the client disconnected')))
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://endpoint')
  try {
    allowAnyOrigin(response)
    if (request.method === 'OPTIONS') return answerPreflight(request, response)
    for (const { path, method, answer } of routes) {
      const match = path.exec(pathname)
      const isMethod = request.method === method || (request.method === 'HEAD' && method === 'GET')
      if (match && !isMethod) throw new ProblemError(405, 'METHOD_NOT_ALLOWED', `Use the method ${method} here.`, { headers: { allow: `${method}, OPTIONS` } })
      if (match) return await answer(speech, { request, response, query, gone: gone.signal }, match)
    }
    throw explainUnknownPath(speech, pathname)
  } catch (error) {
    // A client that disconnected needs no response, and this is not a failure to count.
    if (gone.signal.aborted) return void response.destroy()
    const problem = speech.explain(error)
    sendProblem(response, problem, isOpenAiPath(pathname) ? { shape: toOpenAiError(problem) } : {})
  }
}
