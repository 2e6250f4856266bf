// Connections are ended three times a second for 15 s, and Postgres is restarted twice, under writers and readers.
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import postgres from 'postgres'
import { expect, onTestFinished, test } from 'vitest'
import { openLog } from '../../src/log.ts'
import { openClient } from '../../src/postgres/client.ts'
import { openConnection } from '../../src/postgres/connection.ts'
import { openEmbeddedPostgres } from '../../src/postgres/embedded/server.ts'
import { explainUnavailable } from '../../src/postgres/unavailable.ts'
import { makeDirectory } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'

test('a storm of broken connections: no error is uncaught, no transaction is half committed, and work goes on', { timeout: 120_000 }, async () => {
  const uncaught: unknown[] = []
  const note = (error: unknown) => void uncaught.push(error)
  process.on('uncaughtExceptionMonitor', note)
  const dir = await makeDirectory()
  const log = openLog('silent')
  const server = await openEmbeddedPostgres(join(dir, 'postgres'), log)
  const client = openClient(server.url, log)
  onTestFinished(async () => {
    process.off('uncaughtExceptionMonitor', note)
    await client.close()
    await server.close()
    await rm(dir, { recursive: true, force: true })
  })
  await client.db.execute(sql`create table pairs (id text, half int, text text)`)

  const acknowledged: string[] = []
  const unexplained: unknown[] = []
  let [refused, read, mostConnections, isOn] = [0, 0, 0, true]
  const refuse = async (error: unknown) => {
    refused++
    if (!explainUnavailable(error)) unexplained.push(error)
    await delay(5)
  }
  const write = async (writer: number) => {
    for (let n = 0; isOn; n++) {
      const id = `${writer} ${n}`
      const writing = client.db.transaction(async (tx) => {
        const insert = async (half: number, text: string) => void (await tx.execute(sql`insert into pairs values (${id}, ${half}, ${text})`))
        // Half of them pipelined, some larger than what is written at once.
        const first = insert(1, '')
        if (n % 2) await first
        await Promise.all([first, insert(2, 'x'.repeat((n % 5) * 500))])
      })
      await writing.then(() => acknowledged.push(id), refuse)
    }
  }
  const reading = async (db: typeof client.db) => {
    for (let n = 0; isOn; n++) {
      const answers = [n, n + 1, n + 2].map((asked) => db.execute<{ n: number }>(sql`select ${asked}::int as n`).then(([row]) => row?.n === asked))
      // Each statement has its own answer, however many were under way.
      await Promise.all(answers).then((all) => (all.every(Boolean) ? read++ : unexplained.push('the answer to another statement')), refuse)
    }
  }
  const working = [...[0, 1, 2, 3].map(write), reading(client.db), reading(client.longDb)]

  const began = performance.now()
  for (let round = 1; performance.now() - began < 15_000; round++) {
    await delay(300)
    if (round % 17 === 0) {
      const pid = Number((await readFile(join(dir, 'postgres/data/postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0])
      if (pid > 1) process.kill(pid, 'SIGQUIT')
      continue
    }
    // A connection for each round: the restarts end it as well.
    const killer = await openConnection(server.url, { name: 'killer' }).catch(() => undefined)
    const ours = "from pg_stat_activity where application_name = 'custom-speech'"
    const [counted] = (await killer?.send(`select count(*)::int as n ${ours}`).catch(() => undefined)) ?? []
    mostConnections = Math.max(mostConnections, Number(counted?.['n'] ?? 0))
    await killer?.send(`select pg_terminate_backend(pid) ${ours} order by random() limit ${1 + (round % 4)}`).catch(() => {})
    await killer?.close(0)
  }
  const [written, readBefore] = [acknowledged.length, read]
  await until(() => acknowledged.length > written + 20 && read > readBefore + 20)
  isOn = false
  await Promise.all(working)

  const admin = postgres(server.url, { max: 1 })
  onTestFinished(() => admin.end({ timeout: 1 }))
  const half = await admin`select id from pairs group by id having count(*) <> 2`
  expect(half.map(({ id }) => id)).toEqual([])
  const stored = new Set((await admin`select distinct id from pairs`).map(({ id }) => id))
  expect(acknowledged.filter((id) => !stored.has(id))).toEqual([])
  expect(unexplained).toEqual([])
  expect(uncaught).toEqual([])
  expect(mostConnections).toBeLessThanOrEqual(12)
  figure('storm of broken connections', { committed: acknowledged.length, 'rounds of reads': read, refused, 'most connections': mostConnections })
})
