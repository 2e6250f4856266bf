import type { deploymentRevisions, deployments } from '../postgres/deployment-tables.ts'
import type { evaluations, testSets } from '../postgres/evaluation/evaluation-tables.ts'
import type { models } from '../postgres/tables.ts'

/**
 * A table of rows that jobs move from status to status. Its type is that of one of the tables, since drizzle cannot
 * type a statement on a union of tables. All tables have every column that the lifecycle uses, except `kind` of models.
 */
export type WorkedTable = typeof deployments & Pick<typeof models, 'kind'>

type AnyWorkedTable = typeof deployments | typeof deploymentRevisions | typeof models | typeof testSets | typeof evaluations

export const toWorkedTable = (table: AnyWorkedTable): WorkedTable => table as unknown as WorkedTable
