/** Longer ones name no place; also keeps the work on what clients send small. */
const maxLength = 35

/**
 * The canonical form of a BCP 47 tag, such as en-US for en-us: tags are not case-sensitive. An underscore between
 * subtags, as Unicode locale identifiers may have it, counts as a hyphen. Undefined for what is not a tag.
 */
export function canonicalizeTag(text: string): string | undefined {
  if (text.length > maxLength) return undefined
  try {
    return Intl.getCanonicalLocales(text.replaceAll('_', '-'))[0]
  } catch {
    return undefined
  }
}
