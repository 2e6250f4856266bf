import { SpeechProblem } from '../speech/problem.ts'

/** A problem of one field of a request to OpenAI's API. */
export class FieldProblem extends SpeechProblem {
  readonly param: string
  constructor(param: string, status: number, code: string, message: string) {
    super(status, code, message)
    this.param = param
  }
}

/** The error that OpenAI's clients read. */
export const toOpenAiError = (problem: SpeechProblem) => ({
  error: {
    message: problem.message,
    type: problem.status >= 500 ? 'server_error' : problem.status === 429 ? 'rate_limit_exceeded' : 'invalid_request_error',
    param: problem instanceof FieldProblem ? problem.param : null,
    code: problem.code,
  },
})

/** The parts of OpenAI's API that clients call most, beside transcription. */
const others: [path: RegExp, message: string][] = [
  [/^\/v1\/audio\/translations\b/, 'This server does not translate.'],
  [/^\/v1\/audio\/speech\b/, 'This server does not synthesize speech.'],
  [/^\/v1\/realtime\b/, "This server does not speak OpenAI's Realtime API; live audio goes to a deployment's webSocketUrl."],
  [/^\/v1\/(chat|completions|responses|embeddings)\b/, 'This server has no language models that write text.'],
]

export function unknownOpenAiPath(pathname: string): SpeechProblem {
  const [, message] = others.find(([path]) => path.test(pathname)) ?? [undefined, 'There is nothing at this path.']
  return new SpeechProblem(404, 'UNKNOWN_PATH', `${message} Use POST /v1/audio/transcriptions to transcribe audio, and GET /v1/models to list models.`)
}
