import type { Viewer } from '../access/key.ts'
import type { Keyring } from '../access/keyring.ts'
import type { Sealing } from '../access/sealing.ts'
import type { Feeds } from '../lifecycle/event-feed.ts'
import type { Log } from '../log.ts'
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

/** True when the key has the scope; one that may manage may read. */
export const hasScope = ({ scopes }: Viewer, required: KeyScope) => scopes.includes(required) || (required === 'READ' && scopes.includes('MANAGE'))

/** Undefined when the caller may go on. */
export function checkScope({ viewer }: Context, required: KeyScope): NotAuthorizedError | undefined {
  return hasScope(viewer, required) ? undefined : new NotAuthorizedError(required)
}
