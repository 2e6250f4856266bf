import { setTimeout as delay } from 'node:timers/promises'
import { and, gt, isNull, or, type SQL, sql } from 'drizzle-orm'

import { deploymentEvents, deployments, idempotencyKeys } from '../postgres/deployment-tables.ts'
import { keys, modelEvents, models, sessions, uploads, workspaces } from '../postgres/tables.ts'
import type { Service } from './context.ts'
import { deploymentLog } from './deployment-lifecycle.ts'
import { rememberedDays } from './idempotency.ts'
import { modelLog } from './model-lifecycle.ts'

/** Of a log that grows as long as its row lives, the newest events stay, whatever they tell. */
export const keptEvents = 200
/** Of changes of the status, those among so many of the newest. */
const keptMilestones = 2000

/** Of each workspace, so many stay at most, the newest ones, whatever their age. */
const maxEndedKeys = 1000
/** Keys of what was deleted; with their loss a late repetition makes the thing once more. */
const maxExpiringIdempotencyKeys = 10_000
/** Uploads that models were made from, which the limit of unused ones does not count. */
const maxUsedUploads = 1000

/** Rows of one statement, so that none holds locks for long. */
const batch = 500
const pauseMs = 20

type Store = Pick<Service, 'store'>

/**
 * Removes what would grow for ever: ended keys and sessions, expired uploads, old events of living rows, logs of deleted ones,
 * forgotten idempotency keys. Each has a time, and a number for those who make and delete faster than time goes by.
 */
export async function tidyRecords(service: Store): Promise<void> {
  const { longDb } = service.store
  await removeEndedKeys(service)
  await removeEndedSessions(service)
  await removeUploads(service)
  await removeIdempotencyKeys(service)
  await inBatches(service, pruneEvents(deploymentEvents, sql`deployment_id`, deployments))
  await inBatches(service, pruneEvents(modelEvents, sql`model_id`, models))
  for (const log of [deploymentLog, modelLog]) {
    await untilNone(() => log.forgetRemoved(longDb))
    await untilNone(() => log.forgetExcess(longDb))
  }
}

/** Bootstrap keys stay: one that was revoked on request must not open anything when it is configured again. */
async function removeEndedKeys(service: Store) {
  const end = sql`least(${keys.revokedAt}, ${keys.expiresAt})`
  const isLongOver = sql`${end} < now() - make_interval(days => ${keptAfterEndDays})`
  await inBatches(service, sql`delete from ${keys} where id in (select id from ${keys} where not is_bootstrap and ${isLongOver} limit ${batch})`)
  const isEnded = sql`not ${keys.isBootstrap} and ${end} < now()`
  await inBatches(service, sql`delete from ${keys} where id in (${beyond(keys, isEnded, end, maxEndedKeys)})`)
}

async function removeEndedSessions(service: Store) {
  const ended = sql`select ${sessions.id} from ${sessions} join ${keys} on ${keys.id} = ${sessions.keyId} where not (${isLiveSession()}) limit ${batch}`
  await inBatches(service, sql`delete from ${sessions} where id in (${ended})`)
}

async function removeUploads(service: Store) {
  await inBatches(service, sql`delete from ${uploads} where id in (select id from ${uploads} where expires_at < now() limit ${batch})`)
  await inBatches(service, sql`delete from ${uploads} where id in (${beyond(uploads, sql`used_at is not null`, sql`id`, maxUsedUploads)})`)
}

/** Ids of the rows of each workspace that come behind the first `kept`, the newest first. */
const beyond = (
  table: typeof keys | typeof uploads,
  isCounted: SQL,
  by: SQL,
  kept: number,
) => sql`select old.id from ${workspaces} as owner cross join lateral (
  select id from ${table} where workspace_id = owner.id and ${isCounted} order by ${by} desc offset ${kept} limit ${batch}) as old limit ${batch}`

async function removeIdempotencyKeys(service: Store) {
  // A process of an older version deletes without letting them expire.
  const isOrphan = sql`(deployment_id is not null and not exists (select from ${deployments} where id = deployment_id))
    or (model_id is not null and not exists (select from ${models} where id = model_id))`
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

/** Keeps the first event, the newest ones, and those that changed the status; a row that is tried again and again has too many of these as well. */
function pruneEvents(events: typeof deploymentEvents | typeof modelEvents, rowId: SQL, rows: typeof deployments | typeof models): SQL {
  return sql`delete from ${events} where (${rowId}, sequence) in (
    select old.row_id, old.sequence from ${rows} as owner cross join lateral (
      select ${rowId} as row_id, event.sequence from ${events} as event
      where event.${rowId} = owner.id and event.sequence > 1 and event.sequence <= owner.sequence - ${keptEvents}
        and (event.previous_status = event.status or event.sequence <= owner.sequence - ${keptMilestones})
      limit ${batch}
    ) as old where owner.sequence > ${keptEvents} limit ${batch})`
}

async function inBatches({ store }: Store, statement: SQL) {
  await untilNone(async () => (await store.longDb.execute<Record<string, unknown>>(statement)).count)
}

/** Repeats with a pause, until nothing was removed. */
async function untilNone(remove: () => Promise<number>) {
  while (await remove()) await delay(pauseMs)
}

/** Keys are kept and listed for so long after they were revoked or have expired. */
export const keptAfterEndDays = 30

/** The condition that a key is neither revoked nor expired. */
export const isLive = (): SQL | undefined => and(isNull(keys.revokedAt), or(isNull(keys.expiresAt), gt(keys.expiresAt, sql`now()`)))

/** A secret whose answer was lost is shown again for so long, to the key that asked for it. */
export const shownAgainMinutes = 10

/** A session ends so long after the sign-in, however much it is used. */
export const sessionDays = 30

/** A session that is not used for so long ends. */
export const sessionIdleDays = 7

/** The condition that a session, joined with its key, still lets its browser in. */
export const isLiveSession = (): SQL | undefined =>
  and(gt(sessions.expiresAt, sql`now()`), gt(sessions.lastUsedAt, sql`now() - make_interval(days => ${sql.raw(String(sessionIdleDays))})`), isLive())
