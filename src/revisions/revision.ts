import DataLoader from 'dataloader'
import { and, asc, eq, getColumns, inArray, lte, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import type { Context, Service } from '../domain/context.ts'
import type { ServedDeployment } from '../domain/endpoint.ts'
import type { ExpectedError } from '../domain/errors.ts'
import { defaultPageSize, type Order, type Page, type PageArgs, readPage } from '../domain/pagination.ts'
import { isAnyOf } from '../postgres/columns.ts'
import { type DeploymentRow, deploymentRevisions, deployments, type RevisionRow, type RevisionStatus } from '../postgres/deployment-tables.ts'
import { models } from '../postgres/tables.ts'

/** A pair of models of a deployment, with a number. It never changes except for its provisioning. */
export type Revision = Pick<
  RevisionRow,
  | 'deploymentId'
  | 'number'
  | 'acousticModelId'
  | 'languageModelId'
  | 'note'
  | 'keyId'
  | 'status'
  | 'stage'
  | 'progress'
  | 'failure'
  | 'evidence'
  | 'gate'
  | 'evaluationId'
  | 'createdAt'
  | 'completedAt'
> & {
  /** The id of the deployment and the number, since the first revision has no row. */
  id: string
  isCurrent: boolean
}

const toId = (deploymentId: string, number: number) => `${deploymentId}.${number}`

export const toRevision = (row: RevisionRow, deployment: Pick<DeploymentRow, 'revision'>): Revision => ({
  ...row,
  id: toId(row.deploymentId, row.number),
  isCurrent: row.number === deployment.revision,
})

const statusOf = ({ status }: DeploymentRow): RevisionStatus =>
  status === 'QUEUED' || status === 'PROVISIONING' || status === 'FAILED' || status === 'CANCELED' ? status : 'COMPLETE'

/** The current revision, whose columns are those of the deployment. */
export const toCurrentRevision = (deployment: DeploymentRow): Revision => ({
  ...deployment,
  id: toId(deployment.id, deployment.revision),
  deploymentId: deployment.id,
  number: deployment.revision,
  note: deployment.revisionNote,
  gate: null,
  evaluationId: null,
  keyId: deployment.revisionKeyId,
  status: statusOf(deployment),
  createdAt: deployment.revisionCreatedAt ?? deployment.createdAt,
  isCurrent: true,
})

export type LoadRevision = (id: string) => Promise<{ revision: Revision; row: RevisionRow | undefined } | null>

/** Loads revisions of the workspace by the ids of {@link Revision}, in one statement for those that are asked for at once. */
export function createRevisionLoader({ store, viewer }: Context): LoadRevision {
  const loader = new DataLoader<string, { revision: Revision; row: RevisionRow | undefined } | null>(
    async (ids) => {
      const keys = ids.map((id) => id.split('.'))
      const asked = [...new Set(keys.map(([id = '']) => id))]
      const numbers = [...new Set(keys.map(([, number]) => Number(number)))]
      const isAsked = and(eq(deploymentRevisions.deploymentId, deployments.id), inArray(deploymentRevisions.number, numbers))
      const rows = await store.db
        .select({ deployment: deployments, row: deploymentRevisions })
        .from(deployments)
        .leftJoin(deploymentRevisions, isAsked)
        .where(and(eq(deployments.workspaceId, viewer.workspaceId), isAnyOf(deployments.id, asked)))
      return keys.map(([id, number]) => {
        const own = rows.filter(({ deployment }) => deployment.id === id)
        const found = own.find(({ row }) => row?.number === Number(number))
        if (found?.row) return { revision: toRevision(found.row, found.deployment), row: found.row }
        const [any] = own
        return any?.deployment.revision === Number(number) ? { revision: toCurrentRevision(any.deployment), row: undefined } : null
      })
    },
    { cache: false },
  )
  return (id) => loader.load(id)
}

/** The revision in work or on trial; null without one. */
export async function findPendingRevision(load: LoadRevision, { id, pendingRevision }: DeploymentRow): Promise<Revision | null> {
  return pendingRevision === null ? null : ((await load(toId(id, pendingRevision)))?.revision ?? null)
}

/** The row of the pending revision, which has the totals of its shadow. */
export async function findPendingRow(load: LoadRevision, { id, pendingRevision }: DeploymentRow): Promise<RevisionRow | null> {
  return pendingRevision === null ? null : ((await load(toId(id, pendingRevision)))?.row ?? null)
}

const newestFirst: Order<Revision> = {
  columns: [sql`${deploymentRevisions.number}`],
  keys: ({ number }) => [String(number)],
  shape: z.tuple([z.string().regex(/^\d{1,9}$/)]),
  descending: true,
}

/** The newest revisions of a deployment and the number of all. One statement reads them for all rows of a list. */
export type LoadRevisions = (deploymentId: string, size: number) => Promise<{ newest: RevisionRow[]; total: number }>

export function createRevisionsLoader({ store }: Context): LoadRevisions {
  const loader = new DataLoader<{ id: string; size: number }, { newest: RevisionRow[]; total: number }>(
    async (requests) => {
      const most = Math.max(...requests.map(({ size }) => size))
      const ofDeployment = sql`partition by ${deploymentRevisions.deploymentId}`
      const ranked = store.db
        .select({
          row: getColumns(deploymentRevisions),
          rank: sql<number>`(row_number() over (${ofDeployment} order by ${deploymentRevisions.number} desc))::int`.as('rank'),
          total: sql<number>`(count(*) over (${ofDeployment}))::int`.as('total'),
        })
        .from(deploymentRevisions)
        .where(isAnyOf(deploymentRevisions.deploymentId, [...new Set(requests.map(({ id }) => id))]))
        .as('ranked')
      const rows = await store.db.select().from(ranked).where(lte(ranked.rank, most)).orderBy(asc(ranked.rank))
      const found = Map.groupBy(rows, ({ row }) => row.deploymentId)
      return requests.map(({ id, size }) => {
        const own = found.get(id) ?? []
        return { newest: own.slice(0, size).map(({ row }) => row), total: own[0]?.total ?? 0 }
      })
    },
    { cache: false },
  )
  return (id, size) => loader.load({ id, size })
}

type Reading = Context & { loadRevisions: LoadRevisions }

/** One page of the revisions of a deployment, newest first. */
export function listRevisions({ store, loadRevisions }: Reading, deployment: DeploymentRow, args: PageArgs): Promise<Page<Revision> | ExpectedError> {
  // Before the first redeployment, the deployment itself is its only revision, and no cursor leads to another.
  const isOnly = deployment.lastRevision === 1
  const isFirst = args.after == null && args.before == null && args.last == null
  const selectPage = async (bounds: SQL | undefined, orderBy: SQL[], limit: number) => {
    if (isFirst) return (await loadRevisions(deployment.id, (args.first ?? defaultPageSize) + 1)).newest
    return store.db
      .select()
      .from(deploymentRevisions)
      .where(and(eq(deploymentRevisions.deploymentId, deployment.id), bounds))
      .orderBy(...orderBy)
      .limit(limit)
  }
  return readPage<Revision>(args, newestFirst, {
    async select(bounds, orderBy, limit) {
      if (isOnly) return bounds ? [] : [toCurrentRevision(deployment)]
      return (await selectPage(bounds, orderBy, limit)).map((row) => toRevision(row, deployment))
    },
    count: async () => (isOnly ? 1 : (await loadRevisions(deployment.id, 1)).total),
  })
}

export interface RevisionToProvision {
  row: RevisionRow
  served: ServedDeployment
}

/** The revision of a job, with its deployment and models. */
export async function findRevisionToProvision({ store }: Pick<Service, 'store'>, revisionId: string): Promise<RevisionToProvision | undefined> {
  const acousticModel = alias(models, 'acoustic_model')
  const languageModel = alias(models, 'language_model')
  const [found] = await store.db
    .select({ row: deploymentRevisions, deployment: deployments, acousticModel, languageModel })
    .from(deploymentRevisions)
    .innerJoin(deployments, eq(deployments.id, deploymentRevisions.deploymentId))
    .innerJoin(acousticModel, eq(acousticModel.id, deploymentRevisions.acousticModelId))
    .innerJoin(languageModel, eq(languageModel.id, deploymentRevisions.languageModelId))
    .where(eq(deploymentRevisions.id, revisionId))
  if (!found) return undefined
  const { row, ...served } = found
  return { row, served: { ...served, revision: row.number } }
}
