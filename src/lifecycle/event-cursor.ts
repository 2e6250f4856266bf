import type { Store } from '../postgres/store.ts'
import type { EventLog, EventLogName, LoggedEvent } from './event-log.ts'

/** A part of the workspace id that distinguishes workspaces and databases. */
const tag = (workspaceId: string) => workspaceId.slice(-8)

/** The opaque form of an event's position in the log of a workspace, from which a subscription resumes. */
export const encodeEventCursor = (name: EventLogName, { workspaceId, position }: Pick<LoggedEvent, 'workspaceId' | 'position'>) =>
  Buffer.from(`${name}:${position}:${tag(workspaceId)}`).toString('base64url')

/** The cursor before all later changes. */
export async function readPresentCursor(
  { store, viewer: { workspaceId } }: { store: Pick<Store, 'db'>; viewer: { workspaceId: string } },
  log: Pick<EventLog, 'name' | 'readPosition'>,
): Promise<string> {
  return encodeEventCursor(log.name, { workspaceId, position: await log.readPosition(store.db, workspaceId) })
}

/** The position; undefined when the cursor is not of this log and workspace. */
export function decodeEventCursor(name: EventLogName, workspaceId: string, cursor: string): number | undefined {
  // Earlier versions wrote `event` and no tag.
  const [, of, position, from] = /^(\w+):(\d{1,15})(?::([0-9a-f]{8}))?$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  const isOurs = from === undefined ? of === 'event' : of === name && from === tag(workspaceId)
  return isOurs ? Number(position) : undefined
}
