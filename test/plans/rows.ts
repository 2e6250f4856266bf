// The rows of a workspace in all tables of which lists read.
import type postgres from 'postgres'
import { fillEvaluations } from '../evaluation/lists.ts'

export const tenantTables = [
  'deployments',
  'deployment_events',
  'deployment_counts',
  'models',
  'model_events',
  'keys',
  'sessions',
  'uploads',
  'test_sets',
  'evaluations',
  'deleted_deployments',
  'deployment_revisions',
]

export async function fill(sql: postgres.Sql, workspace: string, rows: number) {
  const models = sql`(select id from models where workspace_id is null and kind = 'ACOUSTIC'), (select id from models where workspace_id is null and kind = 'LANGUAGE')`
  await sql`insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status, sequence)
    select ${workspace}, 'Row ' || n, '', case n % 3 when 0 then 'de-DE' else 'en-US' end, ${models},
      (enum_range(null::deployment_status))[1 + n % 5], 1 from generate_series(1, ${rows}::int) n`
  await sql`insert into deleted_deployments select uuidv7(), workspace_id, name, '', locale, acoustic_model_id, language_model_id, 2, 1
    from deployments where workspace_id = ${workspace}`
  await sql`insert into deployment_events (deployment_id, workspace_id, sequence, position, progress, message, locale, status)
    select id, workspace_id, 1, row_number() over (), 0, '', locale, status from deployments where workspace_id = ${workspace}`
  await sql`insert into models (id, workspace_id, kind, locale, scenario, name, description, licence, files, status)
    select uuidv7(), ${workspace}, 'LANGUAGE', 'en-US', 'CONVERSATIONAL', 'Row ' || n, '', 'MIT', '[]', (enum_range(null::model_status))[1 + n % 5] from generate_series(1, ${Math.ceil(rows / 4)}::int) n`
  await sql`insert into model_events (model_id, workspace_id, sequence, position, progress, message, kind, status)
    select id, workspace_id, 1, row_number() over (), 0, '', kind, status from models where workspace_id = ${workspace}`
  await sql`insert into keys (workspace_id, name, prefix, secret_hash, scopes) select ${workspace}, 'k', 'cs_', ${workspace} || n, '{READ}' from generate_series(1, ${rows}::int) n`
  await sql`insert into uploads (workspace_id, kind, sha256, size, expires_at)
    select ${workspace}, 'TEXT', n::text, 1, now() + interval '1 day' from generate_series(1, ${rows}::int) n`
  await fillEvaluations(sql, workspace, rows)
  await sql`insert into deployment_revisions (workspace_id, deployment_id, number, acoustic_model_id, language_model_id, note, status)
    select workspace_id, id, n, acoustic_model_id, language_model_id, '', 'COMPLETE' from deployments, generate_series(1, 2) n where workspace_id = ${workspace}`
}
