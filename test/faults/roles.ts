// One installation in several processes: the API and the endpoints in this one, the job workers in processes that tests kill.

import { readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import postgres from 'postgres'
import { inject, onTestFinished } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { startService } from '../../src/main.ts'
import { cloneDatabase, makeDirectory } from '../support/postgres.ts'
import { start } from '../support/program.ts'
import { createTestClient, type OnFinished, type StatusChange } from '../support/service.ts'

export async function startInstallation(settings: Record<string, string> = {}, onFinished: OnFinished = onTestFinished) {
  const database = await cloneDatabase(inject('postgresUrl'))
  const dataDir = await makeDirectory()
  const shared = { DATABASE_URL: database.url, DATA_DIR: dataDir, LOG_LEVEL: 'error', ...settings }
  const service = await startService(readConfig({ PORT: '0', RECOGNIZERS: '1', ROLES: 'api,speech', ...shared }))
  const api = createTestClient(service.localUrl, service.key)
  const sql = postgres(database.url, { max: 2, onnotice: () => {} })
  onFinished(async () => {
    await sql.end()
    await api.dispose()
    await service.close()
    await database.drop()
  })
  return {
    ...api,
    ...service,
    sql,
    dataDir,
    /** A client with a new workspace. */
    async newWorkspace() {
      const { data } = await api.ask('mutation { createWorkspace(input: { name: "Another" }) { ... on CreateWorkspaceSuccess { secret } } }')
      const other = api.as(data?.createWorkspace.secret)
      onFinished(other.dispose)
      return other
    },
    /** Another process, which only provisions. */
    startWorker: (more: Record<string, string> = {}) => start({ ...shared, ROLES: 'jobs', PUBLIC_URL: service.localUrl, ...more }, onFinished),
  }
}

type Sql = ReturnType<typeof postgres>

/**
 * Keeps the first run of a deployment called "… <stage>" in that stage: the change that would end the stage
 * waits for some seconds before it commits.
 */
export async function holdStages(sql: Sql, seconds: number) {
  await sql.unsafe(`
    create function hold_stage() returns trigger language plpgsql as $$
    begin
      if new.run = 1 and old.stage is distinct from new.stage and old.name like '% ' || old.stage then perform pg_sleep(${seconds}); end if;
      return new;
    end $$;
    create trigger hold_stage before update on deployments for each row execute function hold_stage()`)
}

/** Blocks every FETCHING of the Search and Dictation models, like a process that fetches their first file. */
export async function holdFetching(dataDir: string, onFinished: OnFinished = onTestFinished) {
  const catalog = JSON.parse(await readFile(resolve(import.meta.dirname, '../../src/catalog/catalog.json'), 'utf8'))
  const model = catalog.models.find((other: { kind: string; scenario: string }) => other.kind === 'ACOUSTIC' && other.scenario === 'SEARCH_AND_DICTATION')
  return holdFile(dataDir, model.files[0].sha256, onFinished)
}

/** Blocks every fetch of one file, like a process that fetches it. */
export async function holdFile(dataDir: string, sha256: string, onFinished: OnFinished = onTestFinished) {
  const lock = join(dataDir, 'artifacts', `${sha256}.lock`)
  await writeFile(lock, '')
  const refresh = setInterval(() => void utimes(lock, new Date(), new Date()), 500)
  onFinished(() => clearInterval(refresh))
  return async () => {
    clearInterval(refresh)
    await rm(lock)
  }
}

export const stages = ['RESOLVING', 'FETCHING', 'BUILDING', 'LOADING', 'VERIFYING'] as const

/** Throws unless the changes have consecutive numbers and exactly one terminal change. */
export function expectWhole(changes: readonly Pick<StatusChange, 'sequence' | 'isTerminal'>[]) {
  const numbers = changes.map(({ sequence }) => sequence)
  const expected = numbers.map((_, index) => (numbers[0] ?? 0) + index)
  if (JSON.stringify(numbers) !== JSON.stringify(expected)) throw new Error(`the sequence has a hole or a repetition: ${numbers}`)
  const ends = changes.filter(({ isTerminal }) => isTerminal)
  if (ends.length !== 1 || !changes.at(-1)?.isTerminal) throw new Error(`there are ${ends.length} terminal changes, or the last is none`)
}

/** The whole log of a deployment. */
export async function readTimeline(api: Pick<ReturnType<typeof createTestClient>, 'ask'>, id: string) {
  const { data } = await api.ask(
    `query ($id: ID!) { deployment(id: $id) { status failure { stage code message } timeline(first: 100) { nodes { sequence status stage message isTerminal occurredAt } } } }`,
    { id },
  )
  return data?.deployment as {
    status: string
    failure: { stage: string; code: string; message: string } | null
    timeline: { nodes: { sequence: number; status: string; stage: string | null; message: string; isTerminal: boolean; occurredAt: string }[] }
  }
}
