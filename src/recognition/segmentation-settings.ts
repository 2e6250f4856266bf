import type { RecognitionMode } from '../domain/recognition-mode.ts'
import type { Scenario } from '../postgres/tables.ts'

/** How a stream is cut into phrases. */
export interface SegmentationSettings {
  /** Silence of this length ends a phrase. */
  segmentationSilenceMs: number
  /** Silence of this length at the beginning is answered with InitialSilenceTimeout. */
  initialSilenceMs: number
  /** A phrase that goes on for longer is cut at its weakest dip. */
  maxPhraseMs: number
  /** One phrase is all the client waits for. */
  firstPhraseOnly: boolean
  /** A growing phrase is decoded again no more often than this. */
  hypothesisIntervalMs: number
  /** Hypotheses show only the words that two decodings in a row agree on. */
  stableHypotheses: boolean
}

// Someone who speaks to a machine pauses briefly and is answered at once; people who talk to each
// other pause to think, and a cut in the middle of a thought costs more than a late answer.
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
