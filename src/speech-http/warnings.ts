const maxWarnings = 10
const maxLength = 300

/** Adds a warning once, up to a maximum: a recording of many parts can cause a warning for each part. */
export function addWarning(warnings: Set<string>, text: string): void {
  if (warnings.size < maxWarnings) warnings.add(text)
}

/** The header `Warning` (RFC 7234, section 5.5), with ignored settings and skipped data; empty without warnings. */
export function writeWarnings(warnings: readonly string[]): { warning?: string } {
  if (!warnings.length) return {}
  const texts = warnings.slice(0, maxWarnings).map((text) => `299 - "${toAscii(text).slice(0, maxLength)}"`)
  return { warning: texts.join(', ') }
}

/** Header values are ASCII, and a quotation mark would end the text. */
const toAscii = (text: string) =>
  text
    .replaceAll('…', '...')
    .replaceAll('"', "'")
    .replace(/[^ -[\]-~]/g, '?')
