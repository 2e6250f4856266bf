import { and, desc, eq, gt, inArray, isNotNull, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Db } from '../postgres/client.ts'
import { type DeploymentRow, type DeploymentStatus, deploymentEvents, deployments } from '../postgres/deployment-tables.ts'
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

/** A deployment with its models, as the data plane needs it. */
export interface ServedDeployment {
  deployment: DeploymentRow
  acousticModel: ModelRow
  languageModel: ModelRow
}

/** The workspace's deployment with this endpoint id, in any status. */
export async function findServedDeployment({ store }: Service, workspaceId: string, endpointId: string): Promise<ServedDeployment | undefined> {
  return (await selectServed(store.db, and(eq(deployments.id, endpointId), eq(deployments.workspaceId, workspaceId))))[0]
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
  const ids = sql`(select acoustic_model_id from ${suspended} union select language_model_id from ${suspended})`
  return db.with(suspended).select().from(models).where(sql`${models.id} in ${ids} and not ${isUsed}`)
}

function selectServed(db: Db, where: SQL | undefined): Promise<ServedDeployment[]> {
  const acousticModel = alias(models, 'acoustic_model')
  const languageModel = alias(models, 'language_model')
  return db
    .select({ deployment: deployments, acousticModel, languageModel })
    .from(deployments)
    .innerJoin(acousticModel, eq(acousticModel.id, deployments.acousticModelId))
    .innerJoin(languageModel, eq(languageModel.id, deployments.languageModelId))
    .where(where)
}
