import { styleText } from 'node:util'

// styleText omits colors if the terminal has none or NO_COLOR is set.
export const bold = (text: string) => styleText('bold', text)
export const dim = (text: string) => styleText('dim', text)
export const green = (text: string) => styleText('green', text)
export const yellow = (text: string) => styleText('yellow', text)

/** A progress bar of 24 characters for a share from 0 to 1. */
export function bar(share: number): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * 24)
  return green('█'.repeat(full)) + dim('░'.repeat(24 - full))
}

/** Replaces the current line of a terminal. Other outputs get one line per call. */
export function rewrite(line: string): void {
  process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}` : `${line}\n`)
}
