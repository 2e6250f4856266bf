import type { Connection } from './connection.ts'

/**
 * Builds the indexes anew that hold the order of names when Postgres has come with another version of ICU, whose
 * order may differ: an index in an old order would lose rows. Called under the lock of the migrations.
 */
export async function refreshNameOrder(connection: Connection): Promise<void> {
  const [collation] = await connection.send(
    "select collversion is distinct from pg_collation_actual_version(oid) as moved from pg_collation where collname = 'names' and collnamespace = current_schema()::regnamespace",
  )
  if (!collation?.['moved']) return
  await connection.send('reindex index deployments_workspace_name')
  await connection.send('alter collation names refresh version')
}
