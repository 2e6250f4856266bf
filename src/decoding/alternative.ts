export interface Alternative {
  display: string
  lexical: string
  confidence: number
  /** Only where word timings were asked for. */
  words?: TimedWord[]
}

/** Offset and duration count samples, as the phrase's do. */
export interface TimedWord {
  word: string
  offset: number
  duration: number
}
