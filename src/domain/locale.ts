import { eq, isNotNull, isNull, sql } from 'drizzle-orm'
import { readLocaleCounts } from '../lifecycle/deployment-counts.ts'
import { models } from '../postgres/tables.ts'
import type { Context } from './context.ts'
import { choosable } from './model.ts'

export interface Locale {
  /** A BCP 47 tag such as en-US. */
  code: string
  /** The English name. */
  name: string
  nativeName: string
}

/** The locales of the catalog. */
export function listLocales({ catalog }: Pick<Context, 'catalog'>): Locale[] {
  return [...catalog.references.keys()].sort().map((code) => ({ code, name: nameIn('en', code), nativeName: nameIn(code, code) }))
}

export function findLocale(ctx: Pick<Context, 'catalog'>, code: string): Locale | null {
  return listLocales(ctx).find((locale) => locale.code.toLowerCase() === code.toLowerCase()) ?? null
}

interface LocaleCounts {
  baseAcoustic: number
  customAcoustic: number
  baseLanguage: number
  customLanguage: number
  deployments: number
}

/** One of the counts of a locale. A request reads all counts of all locales once. */
export async function countLocale(ctx: Context, { code }: Locale, which: keyof LocaleCounts): Promise<number> {
  const known = counts.get(ctx) ?? readCounts(ctx)
  counts.set(ctx, known)
  return (await known).get(code)?.[which] ?? 0
}

const counts = new WeakMap<Context, Promise<Map<string, LocaleCounts>>>()

async function readCounts(ctx: Context): Promise<Map<string, LocaleCounts>> {
  const { db } = ctx.store
  const of = (kind: 'ACOUSTIC' | 'LANGUAGE', isBase: boolean) =>
    sql<number>`count(*) filter (where ${eq(models.kind, kind)} and ${isBase ? isNull(models.workspaceId) : isNotNull(models.workspaceId)})::int`
  const [modelCounts, deploymentCounts] = await Promise.all([
    db
      .select({
        locale: models.locale,
        baseAcoustic: of('ACOUSTIC', true),
        customAcoustic: of('ACOUSTIC', false),
        baseLanguage: of('LANGUAGE', true),
        customLanguage: of('LANGUAGE', false),
      })
      .from(models)
      .where(choosable(ctx, {}))
      .groupBy(models.locale),
    readLocaleCounts(db, ctx.viewer.workspaceId),
  ])
  const deployed = new Map(deploymentCounts.map(({ locale, count }) => [locale, count]))
  return new Map(modelCounts.map(({ locale, ...rest }) => [locale, { ...rest, deployments: deployed.get(locale) ?? 0 }]))
}

const nameIn = (language: string, code: string) => new Intl.DisplayNames([language], { type: 'language', languageDisplay: 'standard' }).of(code) ?? code
