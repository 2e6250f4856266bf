import type { ClientBase } from 'pg'

/**
 * Builds the indexes anew that hold the order of names when Postgres has come with another version of ICU, whose
 * order may differ: an index in an old order would lose rows. Called under the lock of the migrations.
 */
export async function refreshNameOrder(connection: ClientBase): Promise<void> {
  const { rows } = await connection.query(
    "select collversion is distinct from pg_collation_actual_version(oid) as moved from pg_collation where collname = 'names' and collnamespace = current_schema()::regnamespace",
  )
  if (!rows[0]?.moved) return
  await connection.query('reindex index deployments_workspace_name')
  await connection.query('alter collation names refresh version')
}
