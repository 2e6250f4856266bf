import type { RecognitionMode } from '../domain/recognition-mode.ts'
import { recognitionModes } from '../domain/recognition-mode.ts'
import { isOtherServicePath } from './unsupported.ts'

export const modePath = new RegExp(`^/speech/recognition/(${recognitionModes.join('|')})/cognitiveservices/v1/?$`)

export const universalPath = /^(\/stt)?\/speech\/universal\/v[12]\/?$/

/** True for the paths of the data plane. */
export const isSpeechPath = (path: string) => /^\/(speech|stt|sts|v1)(\/|$)/.test(path) || isOtherServicePath(path)

/** The recognition mode in the path of a WebSocket, if it has one; undefined for a path that does not recognize. */
export function readPath(path: string): { mode: RecognitionMode | undefined } | undefined {
  const mode = modePath.exec(path)?.[1] as RecognitionMode | undefined
  return mode || universalPath.test(path) ? { mode } : undefined
}

export const isOpenAiPath = (path: string) => /^\/v1(\/|$)/.test(path)
