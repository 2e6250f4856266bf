const maxWarnings = 10
const maxLength = 300

/** Keeps each warning once, and not more of them than anybody reads: a recording of many parts can bring one for each. */
export function addWarning(warnings: Set<string>, text: string): void {
  if (warnings.size < maxWarnings) warnings.add(text)
}

/** Header fields that tell the client what was not followed or left out (RFC 7234, section 5.5); none without warnings. */
export function writeWarnings(warnings: readonly string[]): { warning?: string } {
  if (!warnings.length) return {}
  const texts = warnings.slice(0, maxWarnings).map((text) => `299 - "${toAscii(text).slice(0, maxLength)}"`)
  return { warning: texts.join(', ') }
}

/** Header values are ASCII, and a quote would end the text. */
const toAscii = (text: string) =>
  text
    .replaceAll('…', '...')
    .replaceAll('"', "'")
    .replace(/[^ -[\]-~]/g, '?')
