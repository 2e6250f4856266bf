import type { Log } from '../log.ts'
import type { Store } from '../postgres/store.ts'
import type { Catalog } from './catalog.ts'
import type { Viewer } from './key.ts'

/** What the whole process shares. */
export interface Service {
  store: Store
  catalog: Catalog
  /** Where clients reach us, without a slash at the end. */
  publicUrl: string
  log: Log
}

/** The service as one caller may see it. */
export interface Context extends Service {
  viewer: Viewer
}
