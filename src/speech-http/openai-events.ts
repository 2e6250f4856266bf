import type { ServerResponse } from 'node:http'
import type { Phrase } from '../recognition/recognizer-stream.ts'
import type { SpeechProblem } from '../speech/problem.ts'
import { toOpenAiError } from './openai-error.ts'
import { textOf, usageOf } from './openai-transcript.ts'
import type { Heard } from './short-audio.ts'

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  // nginx would keep the events until the answer ends.
  'x-accel-buffering': 'no',
}

/**
 * The event stream of a transcription. It begins with the first phrase: what is refused before is a plain error.
 * https://platform.openai.com/docs/api-reference/audio/transcript-text-delta-event
 */
export class TranscriptEvents {
  readonly #response: ServerResponse
  #hasText = false

  constructor(response: ServerResponse) {
    this.#response = response
  }

  get hasBegun(): boolean {
    return this.#response.headersSent
  }

  /** The deltas, one after the other, are the text. */
  phrase({ display }: Phrase): void {
    this.#send({ type: 'transcript.text.delta', delta: this.#hasText ? ` ${display}` : display })
    this.#hasText = true
  }

  done(heard: Heard): void {
    const { warnings } = heard
    this.#send({ type: 'transcript.text.done', text: textOf(heard), usage: usageOf(heard), ...(warnings.length && { warnings }) })
    this.#response.end()
  }

  /** Ends the stream with the error; OpenAI's clients throw it. */
  fail(problem: SpeechProblem): void {
    this.#send({ type: 'error', ...toOpenAiError(problem) }, 'error')
    this.#response.end()
  }

  #send(event: object, name?: string) {
    if (this.#response.writableEnded || this.#response.destroyed) return
    if (!this.hasBegun) this.#response.writeHead(200, headers)
    this.#response.write(`${name ? `event: ${name}\n` : ''}data: ${JSON.stringify(event)}\n\n`)
  }
}
