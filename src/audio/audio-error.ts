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

/** A recording cannot be read. The message is for the sender and names the next step. */
export class AudioError extends Error {
  override name = 'AudioError'
  readonly code: AudioErrorCode
  constructor(code: AudioErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

export const tooLong = (seconds: number) => new AudioError('AUDIO_TOO_LONG', `The recording is longer than ${seconds} seconds. Send it in parts.`)
