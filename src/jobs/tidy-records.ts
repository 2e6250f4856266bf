import { setTimeout as delay } from 'node:timers/promises'
import { type SQL, sql } from 'drizzle-orm'
import { isLiveSession, keptAfterEndDays, shownAgainMinutes } from '../access/key-validity.ts'
import type { Service } from '../domain/context.ts'
import { deploymentLog } from '../domain/deployment-lifecycle.ts'
import { keptEvents } from '../domain/event-history.ts'
import { rememberedDays } from '../domain/idempotency.ts'
import { modelLog } from '../domain/model-lifecycle.ts'
import { maxTombstones, tombstoneDays } from '../lifecycle/event-log.ts'
import { idempotencyKeys, keys, sessions } from '../postgres/access-tables.ts'
import { deploymentEvents, deployments } from '../postgres/deployment-tables.ts'
import { deletedDeployments } from '../postgres/deployments/deleted-tables.ts'
import { evaluations, testSets } from '../postgres/evaluation/evaluation-tables.ts'
import { modelEvents, models, uploads, workspaces } from '../postgres/tables.ts'

/** Changes of the status are kept among this number of the newest events. */
const keptMilestones = 2000

/** The maximum number of ended keys in a workspace. The oldest are removed first. */
const maxEndedKeys = 1000
/** The maximum number of idempotency keys of deleted objects in a workspace. Without its key, a late repetition creates the object again. */
const maxExpiringIdempotencyKeys = 10_000
/** The maximum number of used uploads in a workspace, which the limit of unused uploads does not count. */
const maxUsedUploads = 1000

/** The maximum number of rows that one statement removes, so that locks are held briefly. */
const batch = 500
const pauseMs = 20

type WithStore = Pick<Service, 'store'>

/**
 * Removes records that would grow without bound: ended keys and sessions, expired uploads, old events, logs of deleted
 * rows, and expired idempotency keys. Each has a maximum age, and a maximum number for workspaces with many changes.
 */
export async function tidyRecords(service: WithStore): Promise<void> {
  const { longDb } = service.store
  await removeEndedKeys(service)
  await removeEndedSessions(service)
  await removeUploads(service)
  await removeIdempotencyKeys(service)
  await removeDeletedDeployments(service)
  // A change of the status of a revision, or of the serving revision, is a milestone too.
  const isStep = sql`and event.revision_status is not distinct from event.previous_revision_status
    and event.current_revision is not distinct from coalesce(event.previous_current_revision, event.current_revision)`
  await inBatches(service, pruneEvents(deploymentEvents, sql`deployment_id`, deployments, isStep))
  await inBatches(service, pruneEvents(modelEvents, sql`model_id`, models))
  for (const log of [deploymentLog, modelLog]) {
    await untilNone(() => log.forgetRemoved(longDb))
    await untilNone(() => log.forgetExcess(longDb))
  }
}

/** Bootstrap keys are kept, so that a revoked one is not generated again at the next start. */
async function removeEndedKeys(service: WithStore) {
  const end = sql`least(${keys.revokedAt}, ${keys.expiresAt})`
  const isLongOver = sql`${end} < now() - make_interval(days => ${keptAfterEndDays})`
  await inBatches(service, sql`delete from ${keys} where id in (select id from ${keys} where not is_bootstrap and ${isLongOver} limit ${batch})`)
  const isEnded = sql`not ${keys.isBootstrap} and ${end} < now()`
  await inBatches(service, sql`delete from ${keys} where id in (${beyond(keys, isEnded, end, maxEndedKeys)})`)
}

async function removeEndedSessions(service: WithStore) {
  const ended = sql`select ${sessions.id} from ${sessions} join ${keys} on ${keys.id} = ${sessions.keyId} where not (${isLiveSession()}) limit ${batch}`
  await inBatches(service, sql`delete from ${sessions} where id in (${ended})`)
}

async function removeUploads(service: WithStore) {
  await inBatches(service, sql`delete from ${uploads} where id in (select id from ${uploads} where expires_at < now() limit ${batch})`)
  await inBatches(service, sql`delete from ${uploads} where id in (${beyond(uploads, sql`used_at is not null`, sql`id`, maxUsedUploads)})`)
}

/** Deployments that were deleted too long ago to be restored: their logs are removed by the same rules. */
async function removeDeletedDeployments(service: WithStore) {
  const isLongGone = sql`deleted_at < now() - make_interval(days => ${tombstoneDays})`
  const longGone = sql`select id from ${deletedDeployments} where ${isLongGone} limit ${batch}`
  await inBatches(service, sql`delete from ${deletedDeployments} where id in (${longGone})`)
  await inBatches(service, sql`delete from ${deletedDeployments} where id in (${beyond(deletedDeployments, sql`true`, sql`deleted_at`, maxTombstones)})`)
}

/** The ids of the rows of each workspace after the newest `kept`. */
const beyond = (
  table: typeof keys | typeof uploads | typeof deletedDeployments,
  isCounted: SQL,
  by: SQL,
  kept: number,
) => sql`select old.id from ${workspaces} as owner cross join lateral (
  select id from ${table} where workspace_id = owner.id and ${isCounted} order by ${by} desc offset ${kept} limit ${batch}) as old limit ${batch}`

async function removeIdempotencyKeys(service: WithStore) {
  // A process of an older version deletes objects without an expiry of their idempotency keys.
  const isOrphan = sql`(deployment_id is not null and not exists (select from ${deployments} where id = deployment_id))
    or (model_id is not null and not exists (select from ${models} where id = model_id))
    or (test_set_id is not null and not exists (select from ${testSets} where id = test_set_id))
    or (evaluation_id is not null and not exists (select from ${evaluations} where id = evaluation_id))`
  await service.store.longDb.execute(
    sql`update ${idempotencyKeys} set expires_at = now() + make_interval(days => ${rememberedDays}) where expires_at is null and (${isOrphan})`,
  )
  const isMissing = sql`key_id is not null and not exists (select from ${keys} where ${keys.id} = key_id)`
  await inBatches(
    service,
    sql`delete from ${idempotencyKeys} where (workspace_id, key) in (select workspace_id, key from ${idempotencyKeys} where expires_at < now() or (${isMissing}) limit ${batch})`,
  )
  await inBatches(
    service,
    sql`delete from ${idempotencyKeys} where (workspace_id, key) in (select old.workspace_id, old.key from ${workspaces} as owner cross join lateral (
      select workspace_id, key from ${idempotencyKeys} where workspace_id = owner.id and expires_at is not null
      order by expires_at desc offset ${maxExpiringIdempotencyKeys} limit ${batch}) as old limit ${batch})`,
  )
  await service.store.longDb.execute(
    sql`update ${idempotencyKeys} set sealed_secret = null where sealed_secret is not null and created_at < now() - make_interval(mins => ${shownAgainMinutes})`,
  )
}

/** Keeps the first event, the newest events, and the newest changes of the status. */
function pruneEvents(events: typeof deploymentEvents | typeof modelEvents, rowId: SQL, rows: typeof deployments | typeof models, isStep = sql``): SQL {
  return sql`delete from ${events} where (${rowId}, sequence) in (
    select old.row_id, old.sequence from ${rows} as owner cross join lateral (
      select ${rowId} as row_id, event.sequence from ${events} as event
      where event.${rowId} = owner.id and event.sequence > 1 and event.sequence <= owner.sequence - ${keptEvents}
        and ((event.previous_status = event.status ${isStep}) or event.sequence <= owner.sequence - ${keptMilestones})
      limit ${batch}
    ) as old where owner.sequence > ${keptEvents} limit ${batch})`
}

async function inBatches({ store }: WithStore, statement: SQL) {
  await untilNone(async () => (await store.longDb.execute<Record<string, unknown>>(statement)).count)
}

/** Repeats the removal with a pause, until it removes nothing. */
async function untilNone(remove: () => Promise<number>) {
  while (await remove()) await delay(pauseMs)
}
