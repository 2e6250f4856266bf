import type { deployments } from '../postgres/deployment-tables.ts'
import type { models } from '../postgres/tables.ts'

/**
 * A table of rows that jobs bring from status to status. It has the type of one of the two tables, since drizzle cannot
 * type a statement on a union of tables; every column that the lifecycle uses is in both, apart from `kind`, which only models have.
 */
export type WorkedTable = typeof deployments & Pick<typeof models, 'kind'>

export const toWorkedTable = (table: typeof deployments | typeof models): WorkedTable => table as WorkedTable
