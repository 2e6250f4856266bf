import type { IncomingMessage, ServerResponse } from 'node:http'
import { type RecognitionMode, recognitionModes } from '../domain/endpoint.ts'
import { allowAnyPage, answerPreflight } from './cors.ts'
import { issueToken } from './issue-token.ts'
import { SpeechProblem, sendProblem } from './problem.ts'
import { recognizeShortAudio } from './recognize.ts'
import type { Speech } from './speech.ts'

const modePath = new RegExp(`^/speech/recognition/(${recognitionModes.join('|')})/cognitiveservices/v1/?$`)
const universalPath = /^\/stt\/speech\/universal\/v2\/?$/
const tokenPath = /^\/sts\/v1\.0\/issuetoken\/?$/i

/** True for the paths that {@link handleSpeech} answers. */
export const isSpeechPath = (path: string) => /^\/(speech|stt|sts)\//.test(path)

/** What a path says of how a client speaks; undefined when nobody recognizes there. */
export function readPath(path: string): { mode: RecognitionMode | undefined } | undefined {
  const mode = modePath.exec(path)?.[1] as RecognitionMode | undefined
  return mode || universalPath.test(path) ? { mode } : undefined
}

/** Answers everything of the data plane that is not a WebSocket. */
export async function handleSpeech(speech: Speech, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort(new Error('the client has left')))
  try {
    allowAnyPage(response)
    if (request.method === 'OPTIONS') return answerPreflight(request, response)
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://endpoint')
    const path = readPath(pathname)
    const isToken = tokenPath.test(pathname)
    if (!path && !isToken)
      throw new SpeechProblem(
        404,
        'UNKNOWN_PATH',
        `There is nothing at this path. Use the endpoint's httpUrl; it begins with ${speech.publicUrl}/speech/recognition/.`,
      )
    if (request.method !== 'POST') throw new SpeechProblem(405, 'METHOD_NOT_ALLOWED', `Send the ${isToken ? 'request' : 'audio'} with POST.`, { allow: 'POST' })
    if (path) await recognizeShortAudio(speech, { request, response, pathMode: path.mode, query, gone: gone.signal })
    else await issueToken(speech, request, response, query)
  } catch (error) {
    // A client that left needs no answer, and its leaving is not our failure.
    if (gone.signal.aborted) return void response.destroy()
    sendProblem(response, speech.explain(error))
  }
}
