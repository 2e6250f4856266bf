import { index, integer, jsonb, snakeCase, text, uuid } from 'drizzle-orm/pg-core'
import { createdAt } from '../columns.ts'
import { workspaces } from '../tables.ts'

/**
 * Deleted deployments, kept as long as their logs, so that they can be restored. The models can be gone, so there are no
 * foreign keys.
 */
export const deletedDeployments = snakeCase.table(
  'deleted_deployments',
  {
    id: uuid().primaryKey(),
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    description: text().notNull(),
    locale: text().notNull(),
    acousticModelId: uuid().notNull(),
    languageModelId: uuid().notNull(),
    /** The sequence of the event of the deletion. */
    sequence: integer().notNull(),
    attempt: integer().notNull(),
    createdAt: createdAt(),
    deletedAt: createdAt(),
    /** Its revisions, in the columns of their tables. */
    more: jsonb(),
  },
  (t) => [index().on(t.workspaceId, t.deletedAt, t.id)],
)

export type DeletedDeploymentRow = typeof deletedDeployments.$inferSelect
