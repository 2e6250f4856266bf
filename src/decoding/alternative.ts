export interface Alternative {
  display: string
  lexical: string
  confidence: number
  /** Undefined unless the request asks for word timings. */
  words?: TimedWord[]
}

/** Offset and duration count samples, like those of the phrase. */
export interface TimedWord {
  word: string
  offset: number
  duration: number
}
