/** True if `asked` names the language of the locale. Region, script, case and `_` for `-` are ignored; an English name counts too. */
export function isSameLanguage(asked: string, locale: string): boolean {
  const language = primaryLanguage(locale)
  return language !== undefined && (primaryLanguage(asked) === language || asked.trim().toLowerCase() === nameLanguage(locale))
}

/** The language's English name in lower case, as OpenAI's verbose JSON has it. */
export const nameLanguage = (locale: string): string =>
  new Intl.DisplayNames('en', { type: 'language' }).of(primaryLanguage(locale) ?? locale)?.toLowerCase() ?? locale

/** A warning if a client asks for languages and the deployment's is not among them; otherwise undefined. */
export function explainOtherLanguage(locale: string, asked: readonly string[]): string | undefined {
  const others = asked.filter((tag) => tag && !/^auto$/i.test(tag))
  const [first] = others
  if (first === undefined || others.some((tag) => isSameLanguage(tag, locale))) return undefined
  return `This endpoint recognizes ${locale}. It ignored language=${/^[\w-]{1,35}$/.test(first) ? first : '…'}.`
}

function primaryLanguage(tag: string): string | undefined {
  try {
    return new Intl.Locale(tag.trim().replaceAll('_', '-')).language
  } catch {
    return undefined
  }
}
