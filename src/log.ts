import { pino } from 'pino'
import { toReadableLine } from './log-lines.ts'

export type Log = Pick<pino.Logger, 'error' | 'warn' | 'info' | 'debug'>

/** Keys (`cs_…`), tokens (`cst_…`, `css_…`) and credentials in URLs, at any position of a line. */
const secrets = /\bcs_[\w-]{8,}|\bcs[st]_[\w.-]{8,}|(?<=:\/\/[^\s/:@]*:)[^\s/@]+(?=@)|(?<=(?:subscription-key|authorization)=)[^&\s"]+/gi

export function redact(text: string): string {
  return text.replace(secrets, '[redacted]')
}

/** Writes lines to stderr, readable on a terminal and otherwise JSON. Every line passes through {@link redact}. */
export function openLog(level: string): Log {
  const format = process.stderr.isTTY ? toReadableLine : (line: string) => line
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write: (line: string) => void process.stderr.write(redact(format(line))) })
}
