import { and, eq } from 'drizzle-orm'
import { licenceAcceptances, type ModelRow } from '../postgres/tables.ts'
import type { Context } from './context.ts'

/** True for models that ask for no acceptance, and for those whose licence the workspace has accepted. */
export async function isLicenceAccepted(ctx: Context, { licence, licenceUrl }: Pick<ModelRow, 'licence' | 'licenceUrl'>): Promise<boolean> {
  if (!licenceUrl) return true
  const accepted = and(eq(licenceAcceptances.workspaceId, ctx.viewer.workspaceId), eq(licenceAcceptances.licence, licence))
  return (await ctx.store.db.$count(licenceAcceptances, accepted)) > 0
}
