import type { Context } from './context.ts'
import { deploymentLog } from './status.ts'

/** The opaque form of an event's place in its workspace: where a watcher that lost its connection goes on. */
export const encodeEventCursor = (position: number) => Buffer.from(`event:${position}`).toString('base64url')

/** Undefined when the cursor is not one of ours. */
export function decodeEventCursor(cursor: string): number | undefined {
  const position = /^event:(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1]
  return position === undefined ? undefined : Number(position)
}

/** The cursor behind everything that has happened in the workspace so far. */
export const readPresentCursor = async ({ store, viewer }: Context) => encodeEventCursor(await deploymentLog.readPosition(store.db, viewer.workspaceId))
