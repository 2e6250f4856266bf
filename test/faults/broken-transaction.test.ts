// Connections break at every point of a transaction: it is refused as a whole, and no statement of it gets anywhere else.
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { openLog } from '../../src/log.ts'
import { type DatabaseClient, openClient, type Tx } from '../../src/postgres/client.ts'
import { openConnection } from '../../src/postgres/connection.ts'
import { commitWith, runTransaction } from '../../src/postgres/transaction.ts'
import { explainUnavailable } from '../../src/postgres/unavailable.ts'
import { cloneDatabase } from '../support/postgres.ts'
import { openProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'

let database: Awaited<ReturnType<typeof cloneDatabase>>
let proxy: Awaited<ReturnType<typeof openProxy>>
let admin: postgres.Sql
let client: DatabaseClient
const uncaught: unknown[] = []
const note = (error: unknown) => void uncaught.push(error)

beforeAll(async () => {
  process.on('uncaughtExceptionMonitor', note)
  database = await cloneDatabase(inject('postgresUrl'))
  proxy = await openProxy(database.url)
  admin = postgres(database.url, { max: 3, onnotice: () => {} })
  await admin.unsafe(`
    create table kept (n int, text text);
    create function wait() returns trigger language plpgsql as $$ begin if new.text = 'slow' then perform pg_sleep(3); end if; return null; end $$;
    create constraint trigger slow_commit after insert on kept deferrable initially deferred for each row execute function wait()`)
})
afterAll(async () => {
  await admin.end()
  await proxy.end()
  await database.drop()
  process.off('uncaughtExceptionMonitor', note)
  expect(uncaught).toEqual([])
})
beforeEach(async () => {
  await admin`truncate kept`
  client = openClient(proxy.url, openLog('silent'), { short: 1, long: 1, transactions: 1, queue: 0 })
})
afterEach(() => client.close())

const insert = (tx: Pick<Tx, 'execute'>, n: number, text = '') => tx.execute(sql`insert into kept values (${n}, ${text})`)
const kept = async () => (await admin`select n from kept order by n`).map(({ n }) => n)
const pidOf = async (tx: Pick<Tx, 'execute'>) => (await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`))[0]?.pid ?? 0
const end = (pid: number) => admin`select pg_terminate_backend(${pid}, 5000)`
const isAt = (pid: number, query: string) =>
  until(async () => (await admin`select from pg_stat_activity where pid = ${pid} and query ilike ${query}`).length > 0)

/** The transaction is refused with a code to try again on, nothing of it is stored, and the next one works on a new connection. */
async function expectRefused(run: (tx: Tx) => Promise<unknown>, reason?: RegExp) {
  const refused = await client.db.transaction(run).then(
    () => 'committed',
    (error) => error,
  )
  expect(refused).toBeInstanceOf(Error)
  if (reason) expect(refused.message).toMatch(reason)
  else expect(explainUnavailable(refused)?.code).toBe('SERVICE_UNAVAILABLE')
  expect(await kept()).toEqual([])
  await client.db.transaction((tx) => insert(tx, 9))
  expect(await kept()).toEqual([9])
  // What is left of the transaction would be written by now.
  await delay(100)
  expect(await kept()).toEqual([9])
}

describe('the server ends the connection', () => {
  test('between two statements', () =>
    expectRefused(async (tx) => {
      await insert(tx, 1)
      await end(await pidOf(tx))
      await insert(tx, 2)
    }))

  test('between two statements, and this process has noticed', () =>
    expectRefused(async (tx) => {
      await insert(tx, 1)
      await end(await pidOf(tx))
      await delay(100)
      await insert(tx, 2)
    }))

  test('while a statement runs', () =>
    expectRefused(async (tx) => {
      await insert(tx, 1)
      const pid = await pidOf(tx)
      const sleeping = tx.execute(sql`select pg_sleep(20)`).catch((error) => error)
      await isAt(pid, '%pg_sleep(20)%')
      await end(pid)
      throw await sleeping
    }))

  test.each([0, 100])('before COMMIT, noticed within %i ms', (ms) =>
    expectRefused(async (tx) => {
      await insert(tx, 1)
      await end(await pidOf(tx))
      await delay(ms)
    }),
  )

  test('before the callback throws', () =>
    expectRefused(async (tx) => {
      await insert(tx, 1)
      await end(await pidOf(tx))
      await delay(100)
      throw new Error('of the callback')
    }, /of the callback/))

  test('during COMMIT, which a deferred trigger holds up', () =>
    expectRefused(async (tx) => {
      await insert(tx, 1, 'slow')
      const pid = await pidOf(tx)
      void isAt(pid, 'commit').then(() => end(pid))
    }))

  test('before a statement of 5 kB, and the callback goes on after the refusal', () =>
    expectRefused(async (tx) => {
      await insert(tx, 1)
      await end(await pidOf(tx))
      await delay(100)
      await insert(tx, 2, 'x'.repeat(5000)).catch(() => {})
      await insert(tx, 3).catch(() => {})
      await tx.transaction((inner) => insert(inner, 4)).catch(() => {})
    }))

  test('and the only connection is given to others meanwhile', async () => {
    await expectRefused(async (tx) => {
      await insert(tx, 1)
      await end(await pidOf(tx))
      // On other connections than the transaction, and soon on one with the number of its own.
      await Promise.all(Array.from({ length: 20 }, () => client.db.execute(sql`select 1`)))
      for (let n = 2; n < 20; n++) await insert(tx, n).catch(() => {})
    })
  })
})

describe('the connection is reset', () => {
  test('while the transaction is idle', () =>
    expectRefused(async (tx) => {
      await insert(tx, 1)
      proxy.reset()
      await delay(100)
      await insert(tx, 2)
    }))

  test('during a statement', () =>
    expectRefused(async (tx) => {
      await insert(tx, 1)
      const pid = await pidOf(tx)
      void isAt(pid, '%pg_sleep(1.5)%').then(() => proxy.reset())
      await tx.execute(sql`select pg_sleep(1.5)`)
    }))
})

test('a BEGIN without an answer in time ends its connection, and the write behind it goes to another one', async () => {
  const connection = await openConnection(database.url, { name: 'test', answerMs: 500 })
  const [answer] = await connection.send('select pg_backend_pid() as pid')
  const pid = Number(answer?.['pid'])
  process.kill(pid, 'SIGSTOP')
  const refused = runTransaction(connection, true, (tx) => tx.unsafe('insert into kept values (1)', []))
  await expect(refused).rejects.toMatchObject({ code: 'NO_ANSWER' })
  process.kill(pid, 'SIGCONT')
  await expect(connection.send('insert into kept values (2)')).rejects.toMatchObject({ code: 'NO_ANSWER' })
  await until(async () => (await admin`select from pg_stat_activity where pid = ${pid}`).length === 0)
  expect(await kept()).toEqual([])
})

test('a BEGIN that is canceled takes the transaction with it', async () => {
  const connection = await openConnection(database.url, { name: 'test' })
  const [answer] = await connection.send('select pg_backend_pid() as pid')
  const pid = Number(answer?.['pid'])
  process.kill(pid, 'SIGSTOP')
  const running = runTransaction(connection, true, (tx) => tx.unsafe('insert into kept values (1)', []))
  running.catch(() => {})
  // Stopped processes keep their signals: the cancellation waits for BEGIN, or comes before it.
  await admin`select pg_cancel_backend(${pid})`
  process.kill(pid, 'SIGCONT')
  const isCommitted = await running.then(
    () => true,
    () => false,
  )
  expect(await kept()).toEqual(isCommitted ? [1] : [])
  await connection.send('insert into kept values (2)')
  expect(await kept()).toContain(2)
  await connection.close(0)
})

describe('COMMIT is sent together with the last statements', () => {
  const late = async (tx: Tx) => {
    await delay(20)
    return insert(tx, 3)
  }

  test('and all of them are kept, also one that is sent late', async () => {
    const value = await client.db.transaction(async (tx) => {
      await insert(tx, 1)
      return commitWith('done', [insert(tx, 2), late(tx)])
    })
    expect(value).toBe('done')
    expect(await kept()).toEqual([1, 2, 3])
  })

  test('and one that fails leaves nothing behind', () =>
    expectRefused(async (tx) => {
      await insert(tx, 1)
      return commitWith('done', [insert(tx, 2), tx.execute(sql`select 1 / 0`), insert(tx, 3)])
    }, /1 \/ 0/))

  test('and a connection that is lost leaves nothing behind', () =>
    expectRefused(async (tx) => {
      const pid = await pidOf(tx)
      await insert(tx, 1)
      await end(pid)
      return commitWith('done', [insert(tx, 2), insert(tx, 3)])
    }))
})
