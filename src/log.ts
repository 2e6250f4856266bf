import { pino } from 'pino'
import { describeError } from './log-error.ts'
import { toReadableLine } from './log-lines.ts'

export type Log = Pick<pino.Logger, 'error' | 'warn' | 'info' | 'debug'>

/** Keys (`cs_…`), tokens (`cst_…`, `css_…`) and credentials in URLs, at any position of a line. */
const secrets = /\bcs_[\w-]{8,}|\bcs[st]_[\w.-]{8,}|(?<=:\/\/[^\s/:@]*:)[^\s/@]+(?=@)|(?<=(?:subscription-key|authorization)=)[^&\s"]+/gi

export function redact(text: string): string {
  return text.replace(secrets, '[redacted]')
}

/** An error with its causes. Other parts pass errors as they are: with the place as `error`, without it as `reason`. */
const serializers = {
  error: (value: unknown) => (value instanceof Error ? describeError(value) : value),
  reason: (value: unknown) => (value instanceof Error ? describeError(value, { withStack: false }) : value),
}

/**
 * Writes lines to stderr, readable on a terminal and otherwise JSON. Every line passes through {@link redact}, and has
 * the id of the process and the fields of `base`.
 */
export function openLog(level: string, base: { version?: string; roles?: string } = {}): Log {
  const format = process.stderr.isTTY ? toReadableLine : (line: string) => line
  const options = { level, base: { pid: process.pid, ...base }, serializers, timestamp: pino.stdTimeFunctions.isoTime }
  return pino(options, { write: (line: string) => void process.stderr.write(redact(format(line))) })
}
