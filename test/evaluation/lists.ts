import type postgres from 'postgres'
import type { Context } from '../../src/domain/context.ts'
import type { PageArgs } from '../../src/domain/pagination.ts'
import { listEvaluations } from '../../src/evaluation/evaluation.ts'
import { countUnfinished } from '../../src/evaluation/evaluation-creation.ts'
import { countTestSets, listTestSets } from '../../src/evaluation/test-set.ts'

/** Adds test sets with an evaluation each. */
export async function fillEvaluations(sql: postgres.Sql, workspace: string, rows: number): Promise<void> {
  await sql`insert into test_sets (workspace_id, name, description, locale, status, message)
    select ${workspace}, 'Row ' || n, '', 'en-US', 'READY', '' from generate_series(1, ${rows}::int) n`
  await sql`insert into evaluations (workspace_id, test_set_id, deployment_id, acoustic_model_id, language_model_id, status, message)
    select workspace_id, id, (select id from deployments where workspace_id = ${workspace} limit 1), uuidv7(), uuidv7(), 'COMPLETE', ''
    from test_sets where workspace_id = ${workspace}`
}

/** Reads every list and count of test sets and evaluations. */
export async function listTestSetsAndEvaluations(ctx: Context, pages: readonly PageArgs[], id: string): Promise<void> {
  for (const args of pages) {
    for (const where of [{}, { locale: 'en-US' }]) {
      const page = await listTestSets(ctx, { ...args, where })
      if ('totalCount' in page) await page.totalCount()
    }
    for (const where of [{}, { testSetId: id }, { deploymentId: id }, { statuses: ['COMPLETE'] as const }]) {
      const page = await listEvaluations(ctx, { ...args, where })
      if ('totalCount' in page) await page.totalCount()
    }
  }
  await countTestSets(ctx.store.db, ctx.viewer.workspaceId)
  await countUnfinished(ctx.store.db, ctx.viewer.workspaceId)
}
