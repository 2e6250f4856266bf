// The rows that all servers of the GraphQL bench read, and the removal of those that they create.
import postgres from 'postgres'

export interface Workspace {
  id: string
  /** A key of the product with every scope. */
  key: string
}

export interface Rows {
  workspaces: Workspace[]
  /** Some deployments of the first workspace. */
  deployments: string[]
  models: { acoustic: string; language: string }
  /** The rows of the deployment with this name, without ids and times. */
  findCreated(name: string): Promise<object[]>
  /** Removes what was created, so that every measurement begins with the same rows. */
  removeCreated(): Promise<void>
  close(): Promise<void>
}

const inFirstWorkspace = 12_000
const inOtherWorkspaces = 1_000
const shown = 200

export async function fillRows(databaseUrl: string, workspaces: Workspace[]): Promise<Rows> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  const found = await sql`select id, kind from models where scenario = 'CONVERSATIONAL' and locale = 'en-US' order by id`
  const [acoustic = '', language = ''] = ['ACOUSTIC', 'LANGUAGE'].map((kind) => found.find((model) => model.kind === kind)?.id as string)
  const [first = '', ...others] = workspaces.map(({ id }) => id)
  // The rows of the workspaces lie among each other, as they do after use.
  await sql`insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status, sequence, progress)
    select owner, 'Filled ' || n, 'A row among many', 'en-US', ${acoustic}, ${language}, 'COMPLETE', 1, 1
    from generate_series(1, ${inFirstWorkspace}) n
    cross join lateral unnest(case when n % ${inFirstWorkspace / inOtherWorkspaces} = 0 then ${[first, ...others]}::uuid[] else ${[first]}::uuid[] end) owner
    order by n`
  await sql`vacuum analyze deployments`
  const made = await sql<{ id: string }[]>`select id from deployments where workspace_id = ${first} order by id desc limit ${shown}`
  return {
    workspaces,
    deployments: made.map(({ id }) => id),
    models: { acoustic, language },
    findCreated: (name) => sql`
      select d.workspace_id, d.name, d.description, d.locale, d.acoustic_model_id, d.language_model_id, d.status, d.stage, d.progress, d.sequence, d.attempt, d.run,
        d.job_id = j.id as has_job, d.deadline_at is not null as has_deadline, e.sequence as event_sequence, e.position = w.position as is_newest_event,
        e.progress as event_progress, e.message, e.locale as event_locale, e.status as event_status, e.previous_status, e.stage as event_stage,
        replace(j.data::text, d.id::text, '') as payload, replace(j.singleton_key, d.id::text, '') as singleton_key, j.name as queue, j.state, j.policy,
        j.retry_limit, j.retry_backoff, j.dead_letter, j.heartbeat_seconds, j.expire_seconds, j.deletion_seconds
      from deployments d join workspaces w on w.id = d.workspace_id join deployment_events e on e.deployment_id = d.id join pgboss.job j on j.id = d.job_id
      where d.name = ${name}`,
    async removeCreated() {
      await sql`delete from deployment_events using deployments where deployment_id = deployments.id and deployments.status = 'QUEUED'`
      await sql`delete from pgboss.job where name = 'provision-deployment'`
      await sql`delete from deployments where status = 'QUEUED'`
      // Dead rows would make later measurements slower than earlier ones.
      for (const table of ['deployments', 'deployment_events', 'workspaces', 'pgboss.job_common', 'pgboss.job']) await sql`vacuum ${sql(table)}`
    },
    close: () => sql.end(),
  }
}
