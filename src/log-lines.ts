// Formats lines of the log for a terminal. Elsewhere the log is JSON.
import { styleText } from 'node:util'

const levels: Record<number, string> = {
  20: styleText('dim', 'DEBUG'),
  30: styleText('cyan', 'INFO '),
  40: styleText('yellow', 'WARN '),
  50: styleText('red', 'ERROR'),
}

/** `{"level":40,"time":"2026-11-27T05:41:02.123Z","id":7,"msg":"it broke"}` as `05:41:02 WARN  it broke id=7`. */
export function toReadableLine(json: string): string {
  let line: Record<string, unknown>
  try {
    line = JSON.parse(json) as Record<string, unknown>
  } catch {
    return json
  }
  // A terminal shows one process.
  const { level, time, msg, pid: _pid, version: _version, roles: _roles, ...rest } = line
  const moment = typeof time === 'string' ? time.slice(11, 19) : ''
  const text = typeof msg === 'string' ? escapeControls(msg) : ''
  const fields = Object.entries(rest).map(([name, value]) => toField(name, value))
  return `${styleText('dim', moment)} ${levels[Number(level)] ?? String(level)} ${[text, ...fields].filter(Boolean).join(' ')}\n`
}

/** Values can come from clients, so their control characters must not reach the terminal. */
const escapeControls = (text: string) => text.replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

function toField(name: string, value: unknown): string {
  const label = styleText('dim', `${name}=`)
  const isStack = typeof value === 'string' && value.includes('\n    at ')
  if (isStack) return `\n${value.split('\n').map(escapeControls).join('\n')}`
  return `${label}${typeof value === 'string' && /^[!-~]+$/.test(value) ? value : escapeControls(JSON.stringify(value))}`
}
