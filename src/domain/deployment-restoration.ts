import { and, eq, gt, sql } from 'drizzle-orm'
import { z } from 'zod'
import { tombstoneDays } from '../lifecycle/event-log.ts'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import type { Tx } from '../postgres/client.ts'
import { type DeploymentRow, deploymentRevisions, deployments } from '../postgres/deployment-tables.ts'
import { type DeletedDeploymentRow, deletedDeployments } from '../postgres/deployments/deleted-tables.ts'
import { models } from '../postgres/tables.ts'
import { type Context, checkScope, inTransaction } from './context.ts'
import { findProblems } from './deployment-creation.ts'
import { DeploymentNotFoundError, DuplicateDeploymentNameError } from './deployment-errors.ts'
import { deploymentLog, provisioning } from './deployment-lifecycle.ts'
import type { ExpectedError } from './errors.ts'
import { stayInEffect } from './idempotency.ts'
import { ModelNotFoundError } from './model-errors.ts'
import { type Order, type Page, type PageArgs, readPage } from './pagination.ts'
import { momentText, storable } from './validation.ts'

/** The revisions of a deleted deployment and its gate: columns of its row, and the rows of its revisions. */
type KeptRevisions = Pick<DeploymentRow, 'revision' | 'lastRevision' | 'previousRevision' | 'revisionNote' | 'revisionKeyId' | 'gate'> & {
  revisionCreatedAt: string | null
  revisions: object[] | null
}

/** Keeps a deployment that is about to be deleted for as long as its log, with its revisions except one that is in work. */
export async function keepDeleted(tx: Tx, row: DeploymentRow): Promise<void> {
  const { id, workspaceId, name, description, locale, acousticModelId, languageModelId, sequence, attempt, createdAt } = row
  const { revision, lastRevision, previousRevision, revisionNote, revisionKeyId, revisionCreatedAt, gate } = row
  const current = { revision, lastRevision, previousRevision, revisionNote, revisionKeyId, revisionCreatedAt, gate }
  const rows = sql`(select jsonb_agg(to_jsonb(revision)) from ${deploymentRevisions} as revision
    where deployment_id = ${id} and status not in ('QUEUED', 'PROVISIONING'))`
  await tx.insert(deletedDeployments).values({
    ...{ id, workspaceId, name, description, locale, acousticModelId, languageModelId, attempt, createdAt },
    sequence: sequence + 1,
    more: sql`${JSON.stringify(current)}::jsonb || jsonb_build_object('revisions', ${rows})` as never,
  })
}

/** The time until which a deleted deployment can be restored. */
export const restorableUntil = ({ deletedAt }: DeletedDeploymentRow) => new Date(deletedAt.getTime() + tombstoneDays * 24 * 60 * 60 * 1000)

const restorableOf = (workspaceId: string) =>
  and(eq(deletedDeployments.workspaceId, workspaceId), gt(deletedDeployments.deletedAt, sql`now() - make_interval(days => ${tombstoneDays})`))

const newestFirst: Order<DeletedDeploymentRow> = {
  columns: [sql`${deletedDeployments.deletedAt}`, sql`${deletedDeployments.id}`],
  keys: ({ deletedAt, id }) => [deletedAt.toISOString(), id],
  shape: z.tuple([momentText, z.uuid()]),
  descending: true,
}

interface ListDeleted extends PageArgs {
  locale?: string | null | undefined
}

/** The deleted deployments of the workspace that can be restored, the latest deletion first. */
export function listDeletedDeployments({ store, viewer }: Context, { locale, ...args }: ListDeleted): Promise<Page<DeletedDeploymentRow> | ExpectedError> {
  const where = and(restorableOf(viewer.workspaceId), locale ? eq(deletedDeployments.locale, storable(locale)) : undefined)
  return readPage(args, newestFirst, {
    select: (bounds, orderBy, limit) =>
      store.db
        .select()
        .from(deletedDeployments)
        .where(and(where, bounds))
        .orderBy(...orderBy)
        .limit(limit),
    count: () => store.db.$count(deletedDeployments, where),
  })
}

/**
 * Restores a deleted deployment with its id, so also with its URLs, and provisions it again. Its log continues. Restoring
 * a deployment that exists succeeds and changes nothing.
 */
export async function restoreDeployment(ctx: Context, id: string): Promise<DeploymentRow | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const { workspaceId } = ctx.viewer
  return changeWorkspace(ctx.store.db, workspaceId, async (tx) => {
    const [[present], [deleted]] = await Promise.all([
      tx
        .select()
        .from(deployments)
        .where(and(eq(deployments.id, id), eq(deployments.workspaceId, workspaceId))),
      tx
        .select()
        .from(deletedDeployments)
        .where(and(eq(deletedDeployments.id, id), restorableOf(workspaceId))),
    ])
    if (present) return present
    if (!deleted) return new DeploymentNotFoundError(notRestorable)
    const [problem] = await findProblems(inTransaction(ctx, tx), deleted)
    return problem ? explainProblem(problem, deleted) : insertAgain(ctx, tx, deleted)
  })
}

const notRestorable = `No deployment with this id was deleted in the last ${tombstoneDays} days. List the deployments that can be restored with the deletedDeployments query.`

/** The problem in words for a restoration, for which the client chooses neither name nor models. */
function explainProblem(problem: ExpectedError, { name, locale }: DeletedDeploymentRow): ExpectedError {
  if (problem instanceof DuplicateDeploymentNameError)
    return new DuplicateDeploymentNameError(name, locale, { path: 'id', advice: 'Rename or delete that deployment, then restore this one.' })
  if (!(problem instanceof ModelNotFoundError)) return problem
  const kind = problem.path === 'acousticModelId' ? 'acoustic' : 'language'
  return new ModelNotFoundError(
    'id',
    kind,
    `The ${kind} model of the deployment has been deleted or has left the catalog. Create a deployment with another model.`,
  )
}

async function insertAgain(ctx: Context, tx: Tx, deleted: DeletedDeploymentRow): Promise<DeploymentRow> {
  const { deletedAt: _, more, sequence, attempt, ...values } = deleted
  const next = { status: 'QUEUED', sequence: sequence + 1, attempt: attempt + 1 } as const
  const [restored] = await tx
    .insert(deployments)
    .values({ ...values, ...readCurrent(more as KeptRevisions | null), ...next, ...provisioning.newPosition(ctx, values) })
    .returning()
  if (!restored) throw new Error('A deleted deployment was not restored.')
  await Promise.all([
    deploymentLog.record(tx, restored, 'DELETING', 'Restored on request.'),
    provisioning.enqueue(tx, ctx, restored),
    insertRevisions(tx, restored.id),
    stayInEffect(tx, { deploymentId: restored.id }),
  ])
  await tx.delete(deletedDeployments).where(eq(deletedDeployments.id, restored.id))
  return restored
}

/** The columns of the current revision. Deployments that an older version deleted have none. */
function readCurrent(more: KeptRevisions | null) {
  if (!more) return {}
  const { revisions: _, revisionCreatedAt, ...current } = more
  return { ...current, revisionCreatedAt: revisionCreatedAt && new Date(revisionCreatedAt) }
}

/** Inserts the kept revisions again, except those whose models have been deleted meanwhile. */
const insertRevisions = (tx: Tx, id: string) =>
  tx.execute(sql`insert into ${deploymentRevisions}
    select revision.* from ${deletedDeployments} as deleted, jsonb_populate_recordset(null::${deploymentRevisions}, nullif(deleted.more -> 'revisions', 'null')) as revision
    where deleted.id = ${id} and (select count(*) from ${models} where id in (revision.acoustic_model_id, revision.language_model_id)) = 2`)
