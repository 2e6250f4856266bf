export type AudioErrorCode =
  | 'NO_AUDIO'
  | 'TRUNCATED_WAV_HEADER'
  | 'INVALID_WAV_HEADER'
  | 'TRUNCATED_AUDIO'
  | 'UNSUPPORTED_AUDIO'
  | 'UNDECODABLE_AUDIO'
  | 'AUDIO_TOO_LONG'
  | 'DECODERS_BUSY'
  | 'DECODER_CRASHED'

/** A recording that cannot be read; the message tells its sender what to do next. */
export class AudioError extends Error {
  override name = 'AudioError'
  readonly code: AudioErrorCode
  constructor(code: AudioErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

export const tooLong = (seconds: number) => new AudioError('AUDIO_TOO_LONG', `The recording is longer than ${seconds} seconds. Send it in parts.`)
