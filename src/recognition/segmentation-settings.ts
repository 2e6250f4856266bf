import type { RecognitionMode } from '../domain/recognition-mode.ts'
import type { Scenario } from '../postgres/tables.ts'

/** The settings that cut a stream into phrases. */
export interface SegmentationSettings {
  /** Silence of this length ends a phrase. */
  segmentationSilenceMs: number
  /** Silence of this length at the beginning causes an InitialSilenceTimeout. */
  initialSilenceMs: number
  /** A longer phrase is cut at its quietest point. */
  maxPhraseMs: number
  /** The stream ends after one phrase. */
  firstPhraseOnly: boolean
  /** The shortest interval between two decodings of a growing phrase. */
  hypothesisIntervalMs: number
  /** Hypotheses show only the words on which two successive decodings agree. */
  stableHypotheses: boolean
}

// People who speak to a machine pause briefly and expect an answer at once. People who talk to each
// other pause to think, and a cut within a sentence costs more than a late text.
const eager = { hypothesisIntervalMs: 350, stableHypotheses: false }
const steady = { hypothesisIntervalMs: 900, stableHypotheses: true }

const listening: Record<Scenario, Record<RecognitionMode, SegmentationSettings>> = {
  SEARCH_AND_DICTATION: {
    interactive: { segmentationSilenceMs: 600, initialSilenceMs: 5_000, maxPhraseMs: 15_000, firstPhraseOnly: true, ...eager },
    conversation: { segmentationSilenceMs: 600, initialSilenceMs: 5_000, maxPhraseMs: 15_000, firstPhraseOnly: false, ...eager },
    dictation: { segmentationSilenceMs: 1_000, initialSilenceMs: 5_000, maxPhraseMs: 15_000, firstPhraseOnly: false, ...eager },
  },
  CONVERSATIONAL: {
    interactive: { segmentationSilenceMs: 750, initialSilenceMs: 15_000, maxPhraseMs: 20_000, firstPhraseOnly: true, ...steady },
    conversation: { segmentationSilenceMs: 750, initialSilenceMs: 15_000, maxPhraseMs: 20_000, firstPhraseOnly: false, ...steady },
    dictation: { segmentationSilenceMs: 1_000, initialSilenceMs: 15_000, maxPhraseMs: 20_000, firstPhraseOnly: false, ...steady },
  },
}

export const segmentationSettingsFor = (scenario: Scenario, mode: RecognitionMode): SegmentationSettings => listening[scenario][mode]
