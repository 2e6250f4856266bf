import { and, eq } from 'drizzle-orm'
import { licenseAcceptances, type ModelRow } from '../postgres/tables.ts'
import type { Context } from './context.ts'

/** True for models that ask for no acceptance, and for those whose license the workspace has accepted. */
export async function isLicenseAccepted(ctx: Context, { license, licenseUrl }: Pick<ModelRow, 'license' | 'licenseUrl'>): Promise<boolean> {
  if (!licenseUrl) return true
  const accepted = and(eq(licenseAcceptances.workspaceId, ctx.viewer.workspaceId), eq(licenseAcceptances.license, license))
  return (await ctx.store.db.$count(licenseAcceptances, accepted)) > 0
}
