import type { Scenario } from '../postgres/tables.ts'

/** The kind of speech: one utterance, a conversation, or dictation. Part of the URL's path. */
export type RecognitionMode = 'interactive' | 'conversation' | 'dictation'

export const recognitionModes: readonly RecognitionMode[] = ['interactive', 'conversation', 'dictation']

/** The mode of the URL that is shown first for a deployment. */
export const defaultMode: Record<Scenario, RecognitionMode> = {
  CONVERSATIONAL: 'conversation',
  SEARCH_AND_DICTATION: 'interactive',
}
