import { BootstrapKeyError } from '../access/bootstrap-key-file.ts'
import { BackupError } from '../backup/problem.ts'
import { ConfigError } from '../config.ts'
import { DataDirError } from '../data-dir.ts'
import { CatalogError } from '../domain/catalog.ts'
import { ListenError } from '../http/listen.ts'
import { redact } from '../log.ts'
import { describeError } from '../log-error.ts'
import { DatabaseError, EmbeddedPostgresError } from '../postgres/problem.ts'

const expected = [BackupError, BootstrapKeyError, ConfigError, CatalogError, ListenError, DataDirError, DatabaseError, EmbeddedPostgresError]

/** The message of an expected error, or the stack of any other error. */
export function describeProblem(error: unknown): string {
  if (expected.some((kind) => error instanceof kind)) return redact((error as Error).message)
  return redact(`Unexpected error:\n${describeError(error)}`)
}
