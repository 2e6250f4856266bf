/** The limit of the Speech REST API for short audio. */
export const maxShortAudioSeconds = 60

/** The limit of a transcription. 25 MB of 16 kHz WAV are 820 seconds. */
export const maxTranscriptionSeconds = 900

/** The limit of OpenAI's API for a file. */
export const maxFileBytes = 25 * 2 ** 20
