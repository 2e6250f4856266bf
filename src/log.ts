import { pino } from 'pino'

export type Log = Pick<pino.Logger, 'error' | 'warn' | 'info' | 'debug'>

/** Keys (`cs_…`), tokens and credentials in URLs, wherever in a line they stand. */
const secrets = /\bcs_[\w-]{8,}|\bcst_[\w.-]{8,}|(?<=:\/\/[^\s/:@]*:)[^\s/@]+(?=@)|(?<=(?:subscription-key|authorization)=)[^&\s"]+/gi

export function redact(text: string): string {
  return text.replace(secrets, '[redacted]')
}

/** Lines of JSON on stderr; every line passes through {@link redact} before it leaves the process. */
export function openLog(level: string): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write: (line: string) => void process.stderr.write(redact(line)) })
}
