import type { Feeds } from '../lifecycle/event-feed.ts'
import type { Log } from '../log.ts'
import type { KeyScope } from '../postgres/access-tables.ts'
import type { Tx } from '../postgres/client.ts'
import type { Store } from '../postgres/store.ts'
import type { Catalog } from './catalog.ts'
import { NotAuthorizedError } from './errors.ts'
import type { MutationRate } from './mutation-rate.ts'

/** The quotas of a workspace, and the time limits of provisioning. */
interface Limits {
  deployments: number
  keys: number
  /** Custom models. */
  models: number
  /** Uploads that no model uses yet. */
  uploads: number
  /** Bytes of all uploads, of all files of custom models and of all test sets. */
  diskBytes: number
  /** From the request for a deployment to its last status, time in the queue included. */
  deadlineSeconds: number
  /** Time without progress after which a deployment fails. */
  stallSeconds: number
  /** Time without progress after which a deployment is marked as stalled. */
  noticeSeconds: number
}

/** The parts that the whole process shares. */
export interface Service {
  store: Store
  catalog: Catalog
  /** The URL of the server for clients, without a slash at the end. */
  publicUrl: string
  limits: Limits
  keyring: Keyring
  mutationRate: MutationRate
  /** Encrypts secrets for the servers of this database. */
  sealing: Sealing
  /** The event logs that have subscribers. */
  feeds: Feeds
  log: Log
  measures: Measures
}

/** Counts what the process does, for its metrics. */
export interface Measures {
  /** A GraphQL operation: executed without or with errors, or refused before. */
  operation(kind: 'query' | 'mutation' | 'subscription' | 'unknown', outcome: 'success' | 'error' | 'refused'): void
  /** The end of a stage of a deployment or model. */
  stage(kind: string, stage: string, seconds: number): void
}

/** The service, with the caller of one request. */
export interface Context extends Service {
  viewer: Viewer
}

/** The context for reads and writes within a transaction. */
export const inTransaction = (ctx: Context, tx: Tx): Context => ({ ...ctx, store: { ...ctx.store, db: tx, longDb: tx } })

/** True when the key has the scope. MANAGE includes READ. */
export const hasScope = ({ scopes }: Viewer, required: KeyScope) => scopes.includes(required) || (required === 'READ' && scopes.includes('MANAGE'))

/** Undefined when the caller has the scope. */
export function checkScope({ viewer }: Context, required: KeyScope): NotAuthorizedError | undefined {
  return hasScope(viewer, required) ? undefined : new NotAuthorizedError(required)
}

/** The caller of a request: the key, its scopes and its workspace. */
export interface Viewer {
  keyId: string
  /** The browser session that represents the key; omitted when the client sends the key. */
  sessionId?: string | undefined
  workspaceId: string
  scopes: readonly KeyScope[]
  /** True for a key that can create workspaces. */
  isBootstrap: boolean
  /** The earlier of the expiry of the key and that of the session. */
  expiresAt: Date | null
}

/** Authenticates keys and browser sessions. A revoked key or an ended session is refused at once. */
export interface Keyring {
  /** The caller with this secret; null when the secret is unknown, expired or revoked. */
  authenticate(secret: string): Promise<Viewer | null>
  /**
   * The secret that represents a browser session in {@link authenticate}. Only this process can create and read it,
   * so the token of a cookie is not accepted in place of a key.
   */
  secretOfSession(token: string): string
  /** False when the session has ended or, without a session, the key. */
  isLive(viewer: Pick<Viewer, 'keyId' | 'sessionId'>): Promise<boolean>
  /** Calls `ended` once when the key or the session ends, in the order of the calls. Returns a function that removes the listener. */
  onEnd(viewer: Viewer, ended: () => void): () => void
  /** Looks up every caller again, after this process has ended a key or a session. */
  recheck(): void
  close(): Promise<void>
}

/** Encrypts secrets with an expiry, so that only the processes of this installation can read them. */
export interface Sealing {
  /** `expiresAt` is in milliseconds since 1970. */
  seal(secret: string, expiresAt: number): string
  /** The secret; null when the sealed text is invalid or has expired. */
  open(sealed: string): string | null
}
