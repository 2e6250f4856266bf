import type { deployments } from '../postgres/deployment-tables.ts'
import type { evaluations, testSets } from '../postgres/evaluation/evaluation-tables.ts'
import type { models } from '../postgres/tables.ts'

/**
 * A table of rows that jobs move from status to status. Its type is that of one of the tables, since drizzle cannot
 * type a statement on a union of tables. All tables have every column that the lifecycle uses, except `kind` of models.
 */
export type WorkedTable = typeof deployments & Pick<typeof models, 'kind'>

export const toWorkedTable = (table: typeof deployments | typeof models | typeof testSets | typeof evaluations): WorkedTable => table as unknown as WorkedTable
