import type { Context } from './context.ts'
import { countDeployments } from './deployment.ts'
import { countModels } from './model.ts'

export interface Locale {
  /** A BCP 47 tag such as en-US. */
  code: string
  /** In English. */
  name: string
  nativeName: string
}

/** The locales that the catalog has models for. */
export function listLocales({ catalog }: Pick<Context, 'catalog'>): Locale[] {
  return [...catalog.references.keys()].sort().map((code) => ({ code, name: nameIn('en', code), nativeName: nameIn(code, code) }))
}

export const countAcousticModels = (ctx: Context, locale: Locale) => countModels(ctx, { locale: locale.code, kind: 'ACOUSTIC' })
export const countLanguageModels = (ctx: Context, locale: Locale) => countModels(ctx, { locale: locale.code, kind: 'LANGUAGE' })
export const countLocaleDeployments = (ctx: Context, locale: Locale) => countDeployments(ctx, { locale: locale.code })

const nameIn = (language: string, code: string) => new Intl.DisplayNames([language], { type: 'language', languageDisplay: 'standard' }).of(code) ?? code
