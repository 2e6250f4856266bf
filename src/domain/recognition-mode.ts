import type { Scenario } from '../postgres/tables.ts'

/** How a client speaks: one utterance, people talking, or someone dictating. Part of the URL's path. */
export type RecognitionMode = 'interactive' | 'conversation' | 'dictation'

export const recognitionModes: readonly RecognitionMode[] = ['interactive', 'conversation', 'dictation']

/** The mode of the URL that a deployment shows first. */
export const defaultMode: Record<Scenario, RecognitionMode> = {
  CONVERSATIONAL: 'conversation',
  SEARCH_AND_DICTATION: 'interactive',
}
