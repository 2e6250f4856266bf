import { eq } from 'drizzle-orm'
import { workspaces } from '../postgres/tables.ts'
import type { Context } from './context.ts'

/** The opaque form of an event's place in its workspace: where a watcher that lost its connection goes on. */
export const encodeEventCursor = (position: number) => Buffer.from(`event:${position}`).toString('base64url')

/** Undefined when the cursor is not one of ours. */
export function decodeEventCursor(cursor: string): number | undefined {
  const position = /^event:(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1]
  return position === undefined ? undefined : Number(position)
}

/** The cursor behind everything that has happened in the workspace so far. */
export const readPresentCursor = async (ctx: Context) => encodeEventCursor(await readPosition(ctx))

export async function readPosition({ store, viewer }: Context): Promise<number> {
  const [workspace] = await store.db.select({ position: workspaces.position }).from(workspaces).where(eq(workspaces.id, viewer.workspaceId))
  return workspace?.position ?? 0
}
