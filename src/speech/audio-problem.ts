import type { AudioError, AudioErrorCode } from '../audio/audio-error.ts'
import { ProblemError } from '../http/problem.ts'

const statuses: Record<AudioErrorCode, number> = {
  NO_AUDIO: 400,
  TRUNCATED_WAV_HEADER: 400,
  INVALID_WAV_HEADER: 400,
  AUDIO_TOO_LONG: 413,
  UNSUPPORTED_AUDIO: 415,
  UNDECODABLE_AUDIO: 415,
  TRUNCATED_AUDIO: 422,
  DECODERS_BUSY: 429,
  DECODER_CRASHED: 503,
}

/** The response for a recording that cannot be read. */
export function toProblem({ code, message }: AudioError): ProblemError {
  const status = statuses[code]
  return status === 429 ? new ProblemError(status, 'TOO_MANY_REQUESTS', message, { headers: { 'retry-after': '1' } }) : new ProblemError(status, code, message)
}
