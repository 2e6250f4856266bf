import type { ServerResponse } from 'node:http'
import type { ProblemError } from '../http/problem.ts'
import type { Phrase } from '../recognition/recognizer-stream.ts'
import { toOpenAiError } from './openai-error.ts'
import { textOf, usageOf } from './openai-transcript.ts'
import type { RecordingResult } from './short-audio.ts'

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  // nginx would buffer the events until the response ends.
  'x-accel-buffering': 'no',
}

/**
 * The event stream of a transcription. It begins with the first phrase; an earlier error is a plain JSON response.
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

  /** Sends a delta. The concatenated deltas are the text. */
  phrase({ display }: Phrase): void {
    this.#send({ type: 'transcript.text.delta', delta: this.#hasText ? ` ${display}` : display })
    this.#hasText = true
  }

  done(heard: RecordingResult): void {
    const { warnings } = heard
    this.#send({ type: 'transcript.text.done', text: textOf(heard), usage: usageOf(heard), ...(warnings.length && { warnings }) })
    this.#response.end()
  }

  /** Ends the stream with an error event, which OpenAI's clients throw. */
  fail(problem: ProblemError): void {
    this.#send({ type: 'error', ...toOpenAiError(problem) }, 'error')
    this.#response.end()
  }

  #send(event: object, name?: string) {
    if (this.#response.writableEnded || this.#response.destroyed) return
    if (!this.hasBegun) this.#response.writeHead(200, headers)
    this.#response.write(`${name ? `event: ${name}\n` : ''}data: ${JSON.stringify(event)}\n\n`)
  }
}
