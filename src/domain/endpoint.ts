import { hash } from 'node:crypto'
import { and, desc, eq, gt, inArray, isNotNull, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Db } from '../postgres/client.ts'
import {
  type DeploymentRow,
  type DeploymentStatus,
  deploymentEvents,
  deploymentRevisions,
  deployments,
  type RevisionRow,
} from '../postgres/deployment-tables.ts'
import { type ModelRow, models } from '../postgres/tables.ts'
import type { Service } from './context.ts'
import type { RecognitionMode } from './recognition-mode.ts'

export interface Endpoint {
  id: string
  mode: RecognitionMode
  httpUrl: string
  webSocketUrl: string
}

/** True when the endpoint of the deployment answers. */
export const isServing = (status: DeploymentStatus) => status === 'COMPLETE'

/** The URLs of a deployment, which answer while it is COMPLETE. */
export function endpointOf({ publicUrl }: Pick<Service, 'publicUrl'>, deploymentId: string, mode: RecognitionMode): Endpoint {
  const httpUrl = `${publicUrl}/speech/recognition/${mode}/cognitiveservices/v1?cid=${deploymentId}`
  return { id: deploymentId, mode, httpUrl, webSocketUrl: httpUrl.replace(/^http/, 'ws') }
}

/** A revision in work or on trial, with its models. */
interface PendingRevision {
  row: RevisionRow
  acousticModel: ModelRow
  languageModel: ModelRow
}

/** A deployment with the revision that serves a session, as the data plane needs it. */
export interface ServedDeployment {
  deployment: DeploymentRow
  /** The number of the revision that both models belong to. */
  revision: number
  acousticModel: ModelRow
  languageModel: ModelRow
  /** The pending revision, when it recognizes a share of the recordings as well. */
  shadow?: PendingRevision & { percent: number }
}

/**
 * The workspace's deployment with this endpoint id, in any status, with the revision that serves the client. Undefined
 * when the client names a revision that is neither the current nor the pending one.
 */
export async function findServedDeployment(
  { store }: Service,
  workspaceId: string,
  endpointId: string,
  client?: SessionClient,
): Promise<ServedDeployment | undefined> {
  const [found] = await selectServed(store.db, and(eq(deployments.id, endpointId), eq(deployments.workspaceId, workspaceId)))
  return found && chooseRevision(found, client)
}

/** The deployment with this id in any workspace, for jobs. */
export async function findDeploymentToProvision({ store }: Service, deploymentId: string): Promise<ServedDeployment | undefined> {
  return (await selectServed(store.db, eq(deployments.id, deploymentId)))[0]
}

/** True when the workspace has deleted this deployment and its log is still kept. */
export async function wasDeleted({ store }: Service, workspaceId: string, endpointId: string): Promise<boolean> {
  return (await store.db.$count(deploymentEvents, and(eq(deploymentEvents.deploymentId, endpointId), eq(deploymentEvents.workspaceId, workspaceId)))) > 0
}

/** The workspace's deployments that recognize, newest first. */
export function listServing({ store }: Service, workspaceId: string): Promise<DeploymentRow[]> {
  return store.db
    .select()
    .from(deployments)
    .where(and(eq(deployments.workspaceId, workspaceId), eq(deployments.status, 'COMPLETE')))
    .orderBy(desc(deployments.id))
    .limit(1000)
}

interface InUseOptions {
  limit: number
  /** Only deployments that became COMPLETE so recently. */
  withinSeconds?: number
}

/** Bounds the rows that are read, however many deployments there are. */
const maxInUse = 1000

/** Pairs of models that COMPLETE deployments use, those of the newest deployments, each pair once. */
export function findModelsInUse({ store }: Pick<Service, 'store'>, { limit, withinSeconds }: InUseOptions): Promise<ServedDeployment[]> {
  const db = store.longDb
  const { id, acousticModelId, languageModelId, completedAt } = deployments
  const isRecent = withinSeconds === undefined ? undefined : gt(completedAt, sql`now() - make_interval(secs => ${withinSeconds})`)
  const newest = db
    .select({ id, acousticModelId, languageModelId, completedAt })
    .from(deployments)
    // The condition of the index.
    .where(and(sql`${deployments.status} = 'COMPLETE'`, isRecent))
    .orderBy(desc(completedAt))
    .limit(maxInUse)
    .as('newest')
  const pairs = db
    .selectDistinctOn([newest.acousticModelId, newest.languageModelId], { id: newest.id, completedAt: newest.completedAt })
    .from(newest)
    .orderBy(newest.acousticModelId, newest.languageModelId, desc(newest.completedAt))
    .as('pairs')
  const found = db.select({ id: pairs.id }).from(pairs).orderBy(desc(pairs.completedAt)).limit(limit)
  return selectServed(db, inArray(deployments.id, found))
}

/** The models of deployments that became SUSPENDED so recently and that no other deployment uses. */
export function findUnusedModels({ store }: Pick<Service, 'store'>, { limit, withinSeconds }: Required<InUseOptions>): Promise<ModelRow[]> {
  const db = store.longDb
  const lately = gt(deployments.suspendedAt, sql`now() - make_interval(secs => ${withinSeconds})`)
  const newest = db
    .select({ acousticModelId: deployments.acousticModelId, languageModelId: deployments.languageModelId })
    .from(deployments)
    // The condition of the index.
    .where(and(isNotNull(deployments.suspendedAt), lately))
    .orderBy(desc(deployments.suspendedAt))
    .limit(limit)
  const suspended = db.$with('suspended').as(newest)
  const isUsed = sql`exists (select from ${deployments} where status in ('QUEUED', 'PROVISIONING', 'COMPLETE')
    and (acoustic_model_id = ${models.id} or language_model_id = ${models.id}))`
  const { acousticModelId, languageModelId } = deploymentRevisions
  const isKeptWarm = sql`exists (select from ${deploymentRevisions} join ${deployments} on ${deployments.id} = ${deploymentRevisions.deploymentId}
    and ${deploymentRevisions.number} in (${deployments.pendingRevision}, ${deployments.previousRevision}) where ${deployments.status} = 'COMPLETE'
    and (${acousticModelId} = ${models.id} or ${languageModelId} = ${models.id}))`
  const ids = sql`(select acoustic_model_id from ${suspended} union select language_model_id from ${suspended})`
  return db.with(suspended).select().from(models).where(sql`${models.id} in ${ids} and not ${isUsed} and not ${isKeptWarm}`)
}

/** The client of a session, as far as it decides which revision serves the session. */
export interface SessionClient {
  /** The same for all sessions of one client. */
  id: string
  /** The revision that provisioning verifies. */
  revision?: number | undefined
}

/** A number from 0 to 100 for a text: always the same for one text, evenly distributed over many. */
export const toShare = (text: string): number => (Number.parseInt(hash('sha256', text, 'hex').slice(0, 8), 16) / 2 ** 32) * 100

/**
 * Chooses the revision of a new session: the one that provisioning names, the pending one for the clients of a canary, and
 * otherwise the current one. A client stays on its side as long as the pending revision is on trial. All sessions and
 * requests are decided here. Undefined when the named revision is neither current nor pending.
 */
function chooseRevision({ pending, ...current }: FoundDeployment, client?: SessionClient): ServedDeployment | undefined {
  const { deployment } = current
  const asPending = () => pending && toServed(deployment, pending)
  if (client?.revision !== undefined && client.revision !== current.revision) return client.revision === pending?.row.number ? asPending() : undefined
  if (!client || client.revision !== undefined || pending?.row.status !== 'COMPLETE') return current
  const { canaryPercent, shadowPercent } = deployment
  if (canaryPercent !== null && toShare(`${deployment.id} ${pending.row.number} ${client.id}`) < canaryPercent) return asPending()
  return shadowPercent === null ? current : { ...current, shadow: { ...pending, percent: shadowPercent } }
}

const toServed = (deployment: DeploymentRow, { row, acousticModel, languageModel }: PendingRevision): ServedDeployment => ({
  deployment,
  revision: row.number,
  acousticModel,
  languageModel,
})

/**
 * Pairs of models that can serve next: of pending revisions that are being verified or are on trial, and of revisions to
 * which a deployment can go back. Those of the deployments that changed last come first.
 */
export async function findModelsInReserve({ store }: Pick<Service, 'store'>, limit: number): Promise<ServedDeployment[]> {
  const db = store.longDb
  const [acousticModel, languageModel] = [alias(models, 'acoustic_model'), alias(models, 'language_model')]
  const { pendingRevision, previousRevision, updatedAt } = deployments
  // The second condition is that of an index.
  const newestWith = (revision: typeof pendingRevision) =>
    db
      .select({ id: deployments.id })
      .from(deployments)
      .where(and(eq(deployments.status, 'COMPLETE'), sql`${revision} is not null`))
      .orderBy(desc(updatedAt))
      .limit(limit)
  const isInReserve = sql`${deploymentRevisions.number} in (${pendingRevision}, ${previousRevision})`
  const isServable = sql`(${deploymentRevisions.status} = 'COMPLETE' or ${deploymentRevisions.stage} in ('VERIFYING', 'EVALUATING'))`
  const rows = await db
    .select({ deployment: deployments, row: deploymentRevisions, acousticModel, languageModel })
    .from(deployments)
    .innerJoin(deploymentRevisions, and(eq(deploymentRevisions.deploymentId, deployments.id), isInReserve, isServable))
    .innerJoin(acousticModel, eq(acousticModel.id, deploymentRevisions.acousticModelId))
    .innerJoin(languageModel, eq(languageModel.id, deploymentRevisions.languageModelId))
    .where(inArray(deployments.id, newestWith(pendingRevision).union(newestWith(previousRevision as typeof pendingRevision))))
    .orderBy(desc(updatedAt), desc(deploymentRevisions.number))
    .limit(limit)
  return rows.map(({ deployment, ...revision }) => toServed(deployment, revision))
}

interface FoundDeployment extends ServedDeployment {
  pending: PendingRevision | undefined
}

/** One statement, since it runs at the start of each session. */
async function selectServed(db: Db, where: SQL | undefined): Promise<FoundDeployment[]> {
  const of = (name: string) => alias(models, name)
  const [acousticModel, languageModel, pendingAcoustic, pendingLanguage] = [
    of('acoustic_model'),
    of('language_model'),
    of('pending_acoustic'),
    of('pending_language'),
  ]
  const pending = and(eq(deploymentRevisions.deploymentId, deployments.id), eq(deploymentRevisions.number, deployments.pendingRevision))
  const rows = await db
    .select({ deployment: deployments, acousticModel, languageModel, row: deploymentRevisions, pendingAcoustic, pendingLanguage })
    .from(deployments)
    .innerJoin(acousticModel, eq(acousticModel.id, deployments.acousticModelId))
    .innerJoin(languageModel, eq(languageModel.id, deployments.languageModelId))
    .leftJoin(deploymentRevisions, pending)
    .leftJoin(pendingAcoustic, eq(pendingAcoustic.id, deploymentRevisions.acousticModelId))
    .leftJoin(pendingLanguage, eq(pendingLanguage.id, deploymentRevisions.languageModelId))
    .where(where)
  return rows.map(({ deployment, acousticModel, languageModel, row, pendingAcoustic, pendingLanguage }) => ({
    deployment,
    revision: deployment.revision,
    acousticModel,
    languageModel,
    pending: row && pendingAcoustic && pendingLanguage ? { row, acousticModel: pendingAcoustic, languageModel: pendingLanguage } : undefined,
  }))
}
