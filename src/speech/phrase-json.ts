import { sampleRate } from '../audio/pcm.ts'
import type { Alternative } from '../decoding/alternative.ts'
import type { Phrase } from '../recognition/recognizer-stream.ts'
import type { RecognitionOptions } from './options.ts'
import type { ProfanityFilter } from './profanity.ts'

/** Statuses as the Speech SDK and the Speech REST API name them. */
type SilentStatus = 'NoMatch' | 'InitialSilenceTimeout' | 'EndOfDictation' | 'TooManyRequests' | 'BadRequest' | 'Error'

export type PhraseOptions = Pick<RecognitionOptions, 'detailed' | 'wordTimings' | 'profanity'>

/** Samples at 16 kHz to ticks of 100 ns, the unit of offsets and durations in the protocol. */
export const toTicks = (samples: number) => Math.round((samples * 10_000_000) / sampleRate)

/** The JSON of one or several phrases as one successful result. */
export function writePhrases(phrases: readonly Phrase[], options: PhraseOptions, filter: ProfanityFilter): object {
  const [first, last] = [phrases[0], phrases.at(-1)]
  if (!first || !last) throw new Error('writePhrases needs at least one phrase')
  const display = filter(phrases.map((phrase) => phrase.display).join(' '), options.profanity)
  const answer = {
    RecognitionStatus: 'Success',
    Offset: toTicks(first.offset),
    Duration: toTicks(last.offset + last.duration - first.offset),
    DisplayText: display,
  }
  if (!options.detailed) return answer
  const readings = phrases.length === 1 && first.alternatives.length ? first.alternatives : [join(phrases)]
  return { ...answer, NBest: readings.map((reading) => writeReading(reading, options, filter)) }
}

/** The JSON of a result without text. */
export const writeSilence = (status: SilentStatus, offset = 0, duration = 0): object => ({
  RecognitionStatus: status,
  Offset: toTicks(offset),
  Duration: toTicks(duration),
  DisplayText: '',
})

function writeReading(reading: Alternative, { wordTimings, profanity }: PhraseOptions, filter: ProfanityFilter): object {
  return {
    Confidence: Number(reading.confidence.toFixed(4)),
    Lexical: reading.lexical,
    ITN: reading.lexical,
    MaskedITN: filter(reading.lexical, profanity),
    Display: filter(reading.display, profanity),
    ...(wordTimings &&
      reading.words && { Words: reading.words.map(({ word, offset, duration }) => ({ Word: word, Offset: toTicks(offset), Duration: toTicks(duration) })) }),
  }
}

/** The best readings of several phrases as one. */
function join(phrases: readonly Phrase[]): Alternative {
  const best = phrases.map((phrase) => phrase.alternatives[0] ?? phrase)
  const words = best.flatMap((reading) => ('words' in reading && reading.words) || [])
  return {
    display: best.map((reading) => reading.display).join(' '),
    lexical: best.map((reading) => reading.lexical).join(' '),
    confidence: Math.min(...best.map((reading) => reading.confidence)),
    ...(words.length > 0 && { words }),
  }
}
