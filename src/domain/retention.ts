import { setTimeout as delay } from 'node:timers/promises'
import { type SQL, sql } from 'drizzle-orm'
import { deploymentEvents, deployments, idempotencyKeys } from '../postgres/deployment-tables.ts'
import { keys, modelEvents, models, sessions } from '../postgres/tables.ts'
import { isLiveSession } from './browser-session.ts'
import type { Service } from './context.ts'
import { rememberedDays } from './idempotency.ts'
import { keptAfterEndDays, shownAgainMinutes } from './key.ts'
import { modelLog } from './model-status.ts'
import { deploymentLog } from './status.ts'

/** Of a log that grows as long as its row lives, the newest events stay, whatever they tell. */
export const keptEvents = 200
/** Of changes of the status, those among so many of the newest. */
const keptMilestones = 2000

/** Rows of one statement, so that none holds locks for long. */
const batch = 500
const pauseMs = 20

type Store = Pick<Service, 'store'>

/** Removes what would grow for ever: ended keys and sessions, old events of living rows, logs of deleted ones, forgotten idempotency keys. */
export async function tidyRecords(service: Store): Promise<void> {
  const { db } = service.store
  await removeEndedKeys(service)
  await removeEndedSessions(service)
  await removeIdempotencyKeys(service)
  await inBatches(service, pruneEvents(deploymentEvents, sql`deployment_id`, deployments))
  await inBatches(service, pruneEvents(modelEvents, sql`model_id`, models))
  await deploymentLog.forgetRemoved(db)
  await modelLog.forgetRemoved(db)
}

/** Bootstrap keys stay: one that was revoked on request must not open anything when it is configured again. */
async function removeEndedKeys(service: Store) {
  const isLongOver = sql`least(${keys.revokedAt}, ${keys.expiresAt}) < now() - make_interval(days => ${keptAfterEndDays})`
  await inBatches(service, sql`delete from ${keys} where id in (select id from ${keys} where not is_bootstrap and ${isLongOver} limit ${batch})`)
}

async function removeEndedSessions(service: Store) {
  const ended = sql`select ${sessions.id} from ${sessions} join ${keys} on ${keys.id} = ${sessions.keyId} where not (${isLiveSession()}) limit ${batch}`
  await inBatches(service, sql`delete from ${sessions} where id in (${ended})`)
}

async function removeIdempotencyKeys(service: Store) {
  // A process of an older version deletes without letting them expire.
  const isOrphan = sql`(deployment_id is not null and not exists (select from ${deployments} where id = deployment_id))
    or (model_id is not null and not exists (select from ${models} where id = model_id))`
  await service.store.db.execute(
    sql`update ${idempotencyKeys} set expires_at = now() + make_interval(days => ${rememberedDays}) where expires_at is null and (${isOrphan})`,
  )
  const isMissing = sql`key_id is not null and not exists (select from ${keys} where ${keys.id} = key_id)`
  await inBatches(
    service,
    sql`delete from ${idempotencyKeys} where (workspace_id, key) in (select workspace_id, key from ${idempotencyKeys} where expires_at < now() or (${isMissing}) limit ${batch})`,
  )
  await service.store.db.execute(
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
  for (let removed = batch; removed === batch; ) {
    removed = ((await store.db.execute(statement)) as { rowCount?: number | null }).rowCount ?? 0
    if (removed === batch) await delay(pauseMs)
  }
}
