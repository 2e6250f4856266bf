/** True when both tags are of one language: region, script, case and `_` for `-` do not matter, and its English name is as good. */
export function isSameLanguage(asked: string, locale: string): boolean {
  const language = primaryLanguage(locale)
  return language !== undefined && (primaryLanguage(asked) === language || asked.trim().toLowerCase() === nameLanguage(locale))
}

/** The language in English, as OpenAI's verbose answers name it. */
export const nameLanguage = (locale: string): string =>
  new Intl.DisplayNames('en', { type: 'language' }).of(primaryLanguage(locale) ?? locale)?.toLowerCase() ?? locale

/** A sentence when a client asks for languages and the deployment's is not one of them. */
export function explainOtherLanguage(locale: string, asked: readonly string[]): string | undefined {
  const others = asked.filter((tag) => tag && !/^auto$/i.test(tag))
  const [first] = others
  if (first === undefined || others.some((tag) => isSameLanguage(tag, locale))) return undefined
  return `This endpoint recognizes ${locale}; language=${/^[\w-]{1,35}$/.test(first) ? first : '…'} was not followed.`
}

function primaryLanguage(tag: string): string | undefined {
  try {
    return new Intl.Locale(tag.trim().replaceAll('_', '-')).language
  } catch {
    return undefined
  }
}
