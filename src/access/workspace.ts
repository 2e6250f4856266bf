import { asc, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Context } from '../domain/context.ts'
import { ExpectedError, NotAuthorizedError, ValidationError } from '../domain/errors.ts'
import { idempotencyKeyText } from '../domain/idempotency.ts'
import { type Order, type PageArgs, readPage } from '../domain/pagination.ts'
import { nameText, validate } from '../domain/validation.ts'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import { keyScope } from '../postgres/access-tables.ts'
import type { Db, Tx } from '../postgres/client.ts'
import { type WorkspaceRow, workspaces } from '../postgres/tables.ts'
import { addKey, type CreatedKey, findEarlierKey, rememberKey } from './key.ts'

/** The id of the first workspace, which is created when the database has none. Processes that start together get the same id. */
export function ensureFirstWorkspace(db: Db): Promise<string> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(7302)`)
    const [first] = await tx.select().from(workspaces).orderBy(asc(workspaces.id)).limit(1)
    if (first) return first.id
    const [made] = await tx.insert(workspaces).values({ name: 'Default' }).returning()
    if (!made) throw new Error('The first workspace was not inserted.')
    return made.id
  })
}

/** Creates a workspace and a key with every scope. Needs the bootstrap key. */
export async function createWorkspace(
  ctx: Context,
  wanted: { name: string; idempotencyKey?: string | null | undefined },
): Promise<(CreatedKey & { workspace: WorkspaceRow }) | ExpectedError> {
  if (!ctx.viewer.isBootstrap) return new NotAuthorizedError(null)
  const input = validate(z.object({ name: nameText, idempotencyKey: idempotencyKeyText }), wanted)
  if (input instanceof ValidationError) return input
  const { name, idempotencyKey } = input
  return changeWorkspace(ctx.store.db, ctx.viewer.workspaceId, async (tx) => {
    const earlier = idempotencyKey && (await findEarlierKey(ctx, tx, idempotencyKey, { workspace: name }))
    if (earlier instanceof ExpectedError) return earlier
    if (earlier) return { ...earlier, workspace: await findWorkspace(tx, earlier.key.workspaceId) }
    const [workspace] = await tx.insert(workspaces).values({ name }).returning()
    if (!workspace) throw new Error('A new workspace was not inserted.')
    const created = await addKey(tx, { workspaceId: workspace.id, name: 'first', scopes: [...keyScope.enumValues] })
    if (idempotencyKey) await rememberKey(ctx, tx, idempotencyKey, { workspace: name }, created)
    return { workspace, ...created }
  })
}

const oldestFirst: Order<WorkspaceRow> = { columns: [sql`${workspaces.id}`], keys: ({ id }) => [id], shape: z.tuple([z.uuid()]), descending: false }

/** All workspaces, oldest first. Needs the bootstrap key. */
export async function listWorkspaces({ store, viewer }: Context, args: PageArgs) {
  if (!viewer.isBootstrap) return new NotAuthorizedError(null)
  return readPage(args, oldestFirst, {
    select: (bounds, orderBy, limit) =>
      store.db
        .select()
        .from(workspaces)
        .where(bounds)
        .orderBy(...orderBy)
        .limit(limit),
    count: () => store.longDb.$count(workspaces),
  })
}

export const findViewerWorkspace = ({ store, viewer }: Context): Promise<WorkspaceRow> => findWorkspace(store.db, viewer.workspaceId)

async function findWorkspace(db: Db | Tx, id: string): Promise<WorkspaceRow> {
  const [workspace] = await db.select().from(workspaces).where(eq(workspaces.id, id))
  if (!workspace) throw new Error('The workspace of a valid key is missing.')
  return workspace
}
