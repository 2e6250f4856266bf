import { eq, sql } from 'drizzle-orm'
import type { Service } from '../domain/context.ts'
import { deploymentRevisions } from '../postgres/deployment-tables.ts'

/** Figures of recordings that a revision recognized beside the current one. */
export interface ShadowTotals {
  recordings: number
  words: number
  differingWords: number
}

/** Adds figures to the totals of a revision. Does nothing for a revision that no longer exists. */
export async function addShadowTotals(
  { store }: Pick<Service, 'store'>,
  revisionId: string,
  { recordings, words, differingWords }: ShadowTotals,
): Promise<void> {
  const { shadowRecordings, shadowWords, shadowDifferingWords } = deploymentRevisions
  await store.db
    .update(deploymentRevisions)
    .set({
      shadowRecordings: sql`${shadowRecordings} + ${recordings}`,
      shadowWords: sql`${shadowWords} + ${words}`,
      shadowDifferingWords: sql`${shadowDifferingWords} + ${differingWords}`,
    })
    .where(eq(deploymentRevisions.id, revisionId))
}
