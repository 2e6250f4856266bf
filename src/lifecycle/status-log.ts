import type { Tx } from '../postgres/client.ts'
import { notify } from '../postgres/notification.ts'
import { type LoggedRow, rowTopic } from './event-log.ts'
import { noteStatusChange, type StatusChange } from './status-changes.ts'

/** The record of the changes of rows: an event log, or {@link createStatusNotices}. */
export interface StatusLog<Row extends LoggedRow> {
  name: StatusChange['kind']
  /** True when a row with this status changes only on request. */
  isTerminal(status: Row['status']): boolean
  record(tx: Tx, row: Row, previousStatus: Row['status'] | null, message: string): Promise<void>
  /** Removes records of rows that were deleted long ago. Returns the number of removed records. */
  forgetRemoved(tx: Tx, workspaceId?: string): Promise<number>
}

/** Notifies the watchers of one row, and keeps no events: a watcher reads the row. For rows without a history. */
export const createStatusNotices = <Row extends LoggedRow>({ name, isTerminal }: Pick<StatusLog<Row>, 'name' | 'isTerminal'>): StatusLog<Row> => ({
  name,
  isTerminal,
  async record(tx, { id, workspaceId, status, failure }, previousStatus) {
    noteStatusChange(tx, { kind: name, id, workspaceId, status, previousStatus, code: (failure as { code?: string } | null | undefined)?.code })
    await notify(tx, [rowTopic(name, id)])
  },
  forgetRemoved: async () => 0,
})
