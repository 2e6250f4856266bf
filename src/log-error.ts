/** Causes of causes that are written. */
const maxCauses = 8
/** Characters of one message: a statement can be long. */
const maxMessage = 1_000
const maxFrames = 12

type CodedError = Error & { code?: unknown; severity?: unknown }

/**
 * An error with its causes and their codes, as the log has it; `withStack` adds the place. Statements of Postgres are
 * written without their values.
 */
export function describeError(error: unknown, { withStack = true } = {}): string {
  if (!(error instanceof Error)) return String(error)
  const chain: string[] = []
  for (let cause: unknown = error; cause instanceof Error && chain.length < maxCauses; cause = cause.cause) chain.push(describeOne(cause))
  const text = chain.join('; caused by ')
  const frames = withStack ? findFrames(error) : []
  return [text, ...frames].join('\n')
}

function describeOne(error: Error): string {
  const { code } = error as CodedError
  const message = withoutValues(error)
  const known = typeof code === 'string' && !message.includes(code) ? ` (${code})` : ''
  const several =
    error instanceof AggregateError
      ? ` [${error.errors
          .slice(0, maxCauses)
          .map((one) => describeError(one, { withStack: false }))
          .join('; ')}]`
      : ''
  return `${error.name}: ${message}${known}${several}`
}

/** The message without the values of a statement, which drizzle appends, and which Postgres quotes when they have the wrong form. */
function withoutValues(error: CodedError): string {
  const message = error.message.replace(/^(Failed query: [\s\S]*?)\nparams: [\s\S]*$/, '$1')
  const isOfValue = typeof error.severity === 'string' && typeof error.code === 'string' && error.code.startsWith('22')
  const shown = isOfValue ? message.replace(/"[\s\S]*"/g, '"…"') : message
  return shown.length > maxMessage ? `${shown.slice(0, maxMessage)}…` : shown
}

/** The lines of the stack behind the message, which can contain such lines itself. */
function findFrames({ stack = '', message }: Error): string[] {
  return stack
    .slice(Math.max(0, stack.indexOf(message)) + message.length)
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .slice(0, maxFrames)
}
