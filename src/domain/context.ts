import type { Feeds } from '../lifecycle/event-feed.ts'
import type { Log } from '../log.ts'
import type { Tx } from '../postgres/client.ts'
import type { Store } from '../postgres/store.ts'
import type { KeyScope } from '../postgres/tables.ts'
import type { Catalog } from './catalog.ts'
import { NotAuthorizedError } from './errors.ts'
import type { MutationRate } from './mutation-rate.ts'

/** How much one workspace may have, and how long provisioning may take. */
interface Limits {
  deployments: number
  keys: number
  /** Custom ones. */
  models: number
  /** Files that no model was made from yet. */
  uploads: number
  /** Bytes of all uploads and of what was made from them. */
  diskBytes: number
  /** From the wish for a deployment to its end, waiting included. */
  deadlineSeconds: number
  /** Without any progress, before a deployment is failed. */
  stallSeconds: number
  /** Without any progress, before that is told. */
  noticeSeconds: number
}

/** What the whole process shares. */
export interface Service {
  store: Store
  catalog: Catalog
  /** Where clients reach us, without a slash at the end. */
  publicUrl: string
  limits: Limits
  keyring: Keyring
  mutationRate: MutationRate
  /** Seals secrets that only this database's servers can open. */
  sealing: Sealing
  /** Logs that are being watched. */
  feeds: Feeds
  log: Log
}

/** The service as one caller may see it. */
export interface Context extends Service {
  viewer: Viewer
}

/** The context for what reads and writes within a transaction. */
export const inTransaction = (ctx: Context, tx: Tx): Context => ({ ...ctx, store: { ...ctx.store, db: tx, longDb: tx } })

/** True when the key has the scope; one that may manage may read. */
export const hasScope = ({ scopes }: Viewer, required: KeyScope) => scopes.includes(required) || (required === 'READ' && scopes.includes('MANAGE'))

/** Undefined when the caller may go on. */
export function checkScope({ viewer }: Context, required: KeyScope): NotAuthorizedError | undefined {
  return hasScope(viewer, required) ? undefined : new NotAuthorizedError(required)
}

/** Who is calling, and what the key that let them in may do. */
export interface Viewer {
  keyId: string
  /** The browser session that stands for the key; left out for callers that send the key itself. */
  sessionId?: string | undefined
  workspaceId: string
  scopes: readonly KeyScope[]
  /** True for the key that may make workspaces. */
  isBootstrap: boolean
  /** When the key or the session expires, whichever is first. */
  expiresAt: Date | null
}

/** Knows which secret belongs to whom, and forgets at once when a key is revoked or a session ends. */
export interface Keyring {
  /** The caller that a secret stands for; null when it is unknown, expired or revoked. */
  authenticate(secret: string): Promise<Viewer | null>
  /**
   * The secret that stands for a browser's session in {@link authenticate}. Only this process can make and read it:
   * the token of a cookie is accepted from cookies alone, never where a client sends a key.
   */
  secretOfSession(token: string): string
  /** False once the session, or else the key, has ended. */
  isLive(viewer: Pick<Viewer, 'keyId' | 'sessionId'>): Promise<boolean>
  /** Calls `ended` once when the key or the session ends, those who have waited longest first. Returns the way to stop waiting. */
  onEnd(viewer: Viewer, ended: () => void): () => void
  /** Looks up every caller again, for this process has just ended a key or a session. */
  recheck(): void
  close(): Promise<void>
}

/** Encrypts secrets for a while, so that only the processes of this installation can read them. */
export interface Sealing {
  /** `expiresAt` is in milliseconds since 1970. */
  seal(secret: string, expiresAt: number): string
  /** The secret; null when what is sealed was tampered with or has expired. */
  open(sealed: string): string | null
}
