// The statements that all peers but PostGraphile share: prepared, pipelined over four connections.
import { randomUUID } from 'node:crypto'
import postgres from 'postgres'

const sql = postgres(process.env.DATABASE_URL, { max: 4, onnotice: () => {} })

const columns = sql`d.id, d.name, d.description, d.status, d.stage, d.progress, d.created_at as "createdAt", d.updated_at as "updatedAt",
  d.acoustic_model_id as "acousticModelId", d.language_model_id as "languageModelId"`
const withModels = sql`${columns}, a.name as "acousticName", a.scenario as "acousticScenario", l.name as "languageName", l.scenario as "languageScenario"
  from deployments d join models a on a.id = d.acoustic_model_id join models l on l.id = d.language_model_id`

/** Written into the statement: with a size that is a parameter, Postgres plans for a tenth of the rows. */
const limit = (size) => sql`limit ${sql.unsafe(String(size))}`

export const listDeployments = (workspace, size) =>
  sql`select ${columns} from deployments d where d.workspace_id = ${workspace} order by d.id desc ${limit(size)}`

export const listDeploymentsWithModels = (workspace, size) => sql`select ${withModels} where d.workspace_id = ${workspace} order by d.id desc ${limit(size)}`

export const findDeployment = (workspace, id) => sql`select ${columns} from deployments d where d.workspace_id = ${workspace} and d.id = ${id}`

export const findDeploymentWithModels = (workspace, id) => sql`select ${withModels} where d.workspace_id = ${workspace} and d.id = ${id}`

/** The models in the order of their ids. */
export async function findModels(ids) {
  const rows = await sql`select id, name, scenario from models where id = any(${ids})`
  const found = new Map(rows.map((row) => [row.id, row]))
  return ids.map((id) => found.get(id))
}

/** Leaves the rows that the product leaves: deployment, event, job. Answers undefined when the name is taken. */
export const createDeployment = (workspace, { name, locale, acousticModelId, languageModelId }) =>
  sql.begin(async (tx) => {
    const job = randomUUID()
    const [[{ position }], [row]] = await Promise.all([
      tx`update workspaces set position = position + 1 where id = ${workspace} returning position`,
      tx`insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status, sequence, job_id, deadline_at)
        values (${workspace}, ${name}, '', ${locale}, ${acousticModelId}, ${languageModelId}, 'QUEUED', 1, ${job}, now() + interval '1 hour')
        on conflict do nothing returning id, status`,
    ])
    if (!row) return undefined
    const payload = { deploymentId: row.id, workspaceId: workspace, attempt: 1, failedTries: 0 }
    await Promise.all([
      tx`insert into deployment_events (deployment_id, sequence, workspace_id, position, progress, message, locale, status)
        values (${row.id}, 1, ${workspace}, ${position}, 0, 'Waiting for a worker.', ${locale}, 'QUEUED')`,
      tx`insert into pgboss.job (id, name, data, singleton_key, expire_seconds, deletion_seconds, retry_limit, retry_delay, retry_backoff, retry_delay_max, policy, dead_letter, heartbeat_seconds)
        select ${job}, name, ${tx.json(payload)}, ${`${row.id}:1:0`}, expire_seconds, deletion_seconds, retry_limit, retry_delay, retry_backoff, retry_delay_max, policy, dead_letter, heartbeat_seconds
        from pgboss.queue where name = 'provision-deployment'`,
      tx`select pg_notify('bench', ${`deployment:${row.id} deployments:${workspace}`})`,
    ])
    return row
  })
