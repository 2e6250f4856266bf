import { BootstrapKeyError } from '../access/bootstrap-key-file.ts'
import { ConfigError } from '../config.ts'
import { DataDirError } from '../data-dir.ts'
import { CatalogError } from '../domain/catalog.ts'
import { ListenError } from '../http/listen.ts'
import { redact } from '../log.ts'
import { DatabaseError, EmbeddedPostgresError } from '../postgres/problem.ts'

const foreseen = [BootstrapKeyError, ConfigError, CatalogError, ListenError, DataDirError, DatabaseError, EmbeddedPostgresError]

/** A sentence for an expected problem, the whole stack for any other. */
export function describeProblem(error: unknown): string {
  if (foreseen.some((kind) => error instanceof kind)) return redact((error as Error).message)
  return redact(`Unexpected error:\n${error instanceof Error ? error.stack : String(error)}`)
}
