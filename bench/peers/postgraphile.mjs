// PostGraphile 5 with the Amber preset: the schema comes from the tables. The endpoint and the mutation are plans, as its manual writes them.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { postgraphile } from 'postgraphile'
import { sideEffectWithPgClientTransaction } from 'postgraphile/@dataplan/pg'
import { makePgService } from 'postgraphile/adaptors/pg'
import { context, lambda, object } from 'postgraphile/grafast'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { extendSchema, gql } from 'postgraphile/utils'
import { announce, endpointOf } from './shared.mjs'

const additions = extendSchema((build) => ({
  typeDefs: gql`
    type Endpoint { httpUrl: String! webSocketUrl: String! }
    extend type Deployment { endpoint: Endpoint }
    input AddDeploymentInput { name: String! locale: String! acousticModelId: UUID! languageModelId: UUID! }
    type AddedDeployment { id: ID! status: String! }
    type AddDeploymentPayload { result: AddedDeployment }
    extend type Mutation { addDeployment(input: AddDeploymentInput!): AddDeploymentPayload }
  `,
  objects: {
    Deployment: {
      plans: {
        endpoint($deployment) {
          const $model = build.pgResources.models.get({ id: $deployment.get('acoustic_model_id') })
          return lambda(
            [$deployment.get('id'), $deployment.get('status'), $model.get('scenario')],
            ([id, status, scenario]) => endpointOf({ id, status }, scenario),
            true,
          )
        },
      },
    },
    Mutation: {
      plans: {
        addDeployment(_, { $input }) {
          const wanted = { workspace: context().get('workspace') }
          for (const name of ['name', 'locale', 'acousticModelId', 'languageModelId']) wanted[name] = $input.get(name)
          const $result = sideEffectWithPgClientTransaction(build.pgExecutor, object(wanted), insertDeployment)
          return object({ result: $result })
        },
      },
    },
  },
}))

async function insertDeployment(client, { workspace, name, locale, acousticModelId, languageModelId }) {
  const query = async (text, values) => (await client.query({ text, values })).rows[0]
  const job = randomUUID()
  const { position } = await query('update workspaces set position = position + 1 where id = $1 returning position', [workspace])
  const row = await query(
    `insert into deployments (workspace_id, name, description, locale, acoustic_model_id, language_model_id, status, sequence, job_id, deadline_at)
      values ($1, $2, '', $3, $4, $5, 'QUEUED', 1, $6, now() + interval '1 hour') on conflict do nothing returning id, status`,
    [workspace, name, locale, acousticModelId, languageModelId, job],
  )
  if (!row) throw new Error('The name is taken.')
  await query(
    `insert into deployment_events (deployment_id, sequence, workspace_id, position, progress, message, locale, status)
      values ($1, 1, $2, $3, 0, 'Waiting for a worker.', $4, 'QUEUED')`,
    [row.id, workspace, position, locale],
  )
  await query(
    `insert into pgboss.job (id, name, data, singleton_key, expire_seconds, deletion_seconds, retry_limit, retry_delay, retry_backoff, retry_delay_max, policy, dead_letter, heartbeat_seconds)
      select $1, name, $2, $3, expire_seconds, deletion_seconds, retry_limit, retry_delay, retry_backoff, retry_delay_max, policy, dead_letter, heartbeat_seconds
      from pgboss.queue where name = 'provision-deployment'`,
    [job, { deploymentId: row.id, workspaceId: workspace, attempt: 1, failedTries: 0 }, `${row.id}:1:0`],
  )
  await query(`select pg_notify('bench', $1)`, [`deployment:${row.id} deployments:${workspace}`])
  return row
}

const preset = {
  extends: [PostGraphileAmberPreset],
  plugins: [additions],
  pgServices: [makePgService({ connectionString: process.env.DATABASE_URL, schemas: ['public'] })],
  grafast: { context: ({ node }) => ({ workspace: node?.req.headers['x-workspace'] }), explain: false },
  grafserv: { graphiql: false, watch: false },
}
const server = createServer()
await postgraphile(preset).createServ(grafserv).addTo(server)
server.listen(0, '127.0.0.1', () => announce(server.address().port))
