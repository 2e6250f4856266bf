/** A deployment, revision, model, test set or evaluation has another status. The id of a revision is that of its deployment. */
export interface StatusChange {
  kind: 'deployment' | 'model' | 'revision' | 'testSet' | 'evaluation'
  id: string
  workspaceId: string
  status: string
  previousStatus: string | null
  /** Why it failed: a code. */
  code?: string | undefined
}

/** Rows of a database are changed through its `Db`, and within it through transactions. */
type Owner = object

const listeners = new WeakMap<Owner, (change: StatusChange) => void>()
const noted = new WeakMap<Owner, StatusChange[]>()

/** Calls `listener` for each change of a status that this process commits on the database. */
export function watchStatusChanges(db: Owner, listener: (change: StatusChange) => void): void {
  listeners.set(db, listener)
}

/** Notes a change that the transaction makes. */
export function noteStatusChange(tx: Owner, change: StatusChange): void {
  if (change.status === change.previousStatus) return
  const others = noted.get(tx)
  if (others) others.push(change)
  else noted.set(tx, [change])
}

/** Tells the listener what a transaction has changed, after its commit. */
export function announceStatusChanges(db: Owner, tx: Owner): void {
  const listener = listeners.get(db)
  for (const change of noted.get(tx) ?? []) listener?.(change)
}
