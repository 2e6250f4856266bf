// One real Postgres for the whole run, with a migrated template that each test file clones.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import type { TestProject } from 'vitest/node'
import { allJobs } from '../../src/lifecycle/job-definitions.ts'
import { openLog } from '../../src/log.ts'
import { openEmbeddedPostgres } from '../../src/postgres/embedded/server.ts'
import { openStore } from '../../src/postgres/store.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string
  }
}

const log = openLog('error')

export default async function setup(project: TestProject) {
  const dir = await makeDirectory()
  const server = await openEmbeddedPostgres(join(dir, 'postgres'), log, ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=400'])
  const sql = postgres(server.url, { max: 1 })
  await sql`create database template_service`
  const store = await openStore({ databaseUrl: databaseUrl(server.url, 'template_service'), dataDir: dir }, allJobs, log)
  await store.close()
  await sql.end()
  project.provide('postgresUrl', server.url)
  return async () => {
    await server.close()
    await rm(dir, { recursive: true, force: true })
  }
}

/** A new directory that the unprivileged account of an embedded Postgres may enter. */
export async function makeDirectory(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'custom-speech-'))
  await chmod(dir, 0o755)
  return dir
}

export function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** A fresh database with all tables, and the way to drop it. */
export async function cloneDatabase(serverUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `test_${crypto.randomUUID().replaceAll('-', '')}`
  const sql = postgres(serverUrl, { max: 1, onnotice: () => {} })
  await sql`create database ${sql(name)} template template_service`
  return {
    url: databaseUrl(serverUrl, name),
    async drop() {
      await sql`drop database if exists ${sql(name)} with (force)`
      await sql.end()
    },
  }
}

/** The columns of a table that a row can be copied to: all but the generated ones. */
export async function readStoredColumns(sql: postgres.Sql, table: string): Promise<string[]> {
  const columns =
    await sql`select column_name as name from information_schema.columns where table_name = ${table} and is_generated = 'NEVER' order by ordinal_position`
  return columns.map(({ name }) => name)
}
