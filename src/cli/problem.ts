import { BootstrapKeyError } from '../bootstrap.ts'
import { ConfigError } from '../config.ts'
import { CatalogError } from '../domain/catalog.ts'
import { ListenError } from '../http.ts'
import { redact } from '../log.ts'
import { DataDirError } from '../main.ts'
import { DatabaseError, EmbeddedPostgresError } from '../postgres/problem.ts'

const foreseen = [BootstrapKeyError, ConfigError, CatalogError, ListenError, DataDirError, DatabaseError, EmbeddedPostgresError]

/** A sentence for what was foreseen, the whole stack for what was not. */
export function describeProblem(error: unknown): string {
  if (foreseen.some((kind) => error instanceof kind)) return redact((error as Error).message)
  return redact(`This should not have happened:\n${error instanceof Error ? error.stack : String(error)}`)
}
