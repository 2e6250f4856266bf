// How statements share connections: pipelines, prepared statements, transactions, and how many connections there are.
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { openLog } from '../../src/log.ts'
import { type DatabaseClient, openClient, shareConnections } from '../../src/postgres/client.ts'
import { type Connection, openConnection } from '../../src/postgres/connection.ts'
import { cloneDatabase } from '../support/postgres.ts'

const log = openLog('silent')
let database: Awaited<ReturnType<typeof cloneDatabase>>
let admin: postgres.Sql
let client: DatabaseClient
beforeAll(async () => {
  database = await cloneDatabase(inject('postgresUrl'))
  admin = postgres(database.url, { max: 1, onnotice: () => {} })
  await admin`create table numbers (n int primary key)`
})
afterAll(async () => {
  await admin.end()
  await database.drop()
})
beforeEach(() => {
  client = openClient(database.url, log, { short: 1, long: 1, transactions: 1, queue: 0 })
})
afterEach(() => client.close())

describe('a pipeline', () => {
  let connection: Connection
  beforeEach(async () => {
    connection = await openConnection(database.url, { name: 'test' })
  })
  afterEach(() => connection.close(0))
  const ask = (n: unknown) => connection.send('select 10 / $1::int as n', [n], { prepare: true }).then(([row]) => row?.['n'])

  test('the error of one statement leaves the answers of the others', async () => {
    const answers = await Promise.allSettled([1, 0, 2, 'x', 5, circular(), 10].map(ask))
    expect(answers.map((one) => ('value' in one ? one.value : one.reason.message))).toEqual([
      10,
      'division by zero',
      5,
      'invalid input syntax for type integer: "x"',
      2,
      expect.stringContaining('circular'),
      1,
    ])
    const tooMany = connection.send('select 1', Array(65_535).fill(1), { prepare: true })
    expect(await Promise.allSettled([ask(1), tooMany, ask(2)])).toMatchObject([{ value: 10 }, { status: 'rejected' }, { value: 5 }])
  })

  test('a column that changes its type fails prepared statements, whose connection is replaced; others get their own answers', async () => {
    await admin.unsafe('create table changing (a int); insert into changing values (1)')
    const read = (n: number) => client.db.execute<{ n: number }>(sql`select a, ${n}::int as n from changing`).then(([row]) => row?.n)
    const other = (n: number) => client.db.execute<{ n: number }>(sql`select ${n}::int as n`).then(([row]) => row?.n)
    expect([await read(0), await other(0)]).toEqual([0, 0])
    await admin.unsafe('alter table changing alter a type text')
    const answers = []
    for (let n = 0; n < 40; n++) {
      answers.push(
        (n % 5 ? other(n) : read(n)).then(
          (found) => found === n,
          (error) => (n % 5 ? error : 'refused'),
        ),
      )
      if (n % 3 === 0) await new Promise(setImmediate)
    }
    for (const answer of await Promise.all(answers)) expect(answer === true || answer === 'refused').toBe(true)
    expect(await read(41)).toBe(41)
  })

  test('at most 500 statements are prepared on one connection', async () => {
    for (let n = 0; n < 510; n++) await connection.send(`select ${n}, $1::int`, [n], { prepare: true })
    const [prepared] = await connection.send('select count(*)::int as n from pg_prepared_statements')
    expect(prepared?.['n']).toBe(500)
  })

  test('a statement that shares its connection with nothing else delays only that connection', async () => {
    const order: string[] = []
    const slow = client.longDb.execute(sql`select pg_sleep(1)`).then(() => order.push('slow'))
    const fast = Array.from({ length: 20 }, async () => {
      await client.db.execute(sql`select 1`)
      await client.db.transaction((tx) => tx.execute(sql`select 1`))
    })
    await Promise.all(fast).then(() => order.push('fast'))
    await slow
    expect(order).toEqual(['fast', 'slow'])
  })
})

describe('a transaction', () => {
  beforeEach(() => admin`truncate numbers`)
  const numbers = async () => (await admin`select n from numbers order by n`).map(({ n }) => n)

  test('a nested one that fails takes only itself back', async () => {
    await client.db.transaction(async (tx) => {
      await tx.execute(sql`insert into numbers values (1)`)
      const nested = tx.transaction(async (inner) => {
        await inner.execute(sql`insert into numbers values (2)`)
        await inner.transaction((third) => third.execute(sql`insert into numbers values (1)`)).catch(() => {})
        await inner.execute(sql`insert into numbers values (3)`)
        throw new Error('taken back')
      })
      await expect(nested).rejects.toThrow('taken back')
      await tx.transaction((inner) => inner.execute(sql`insert into numbers values (4)`))
    })
    expect(await numbers()).toEqual([1, 4])
  })

  test('its statements can be under way together, and one that fails refuses the rest', async () => {
    const insert = (n: number) => sql`insert into numbers values (${n})`
    await client.db.transaction((tx) => Promise.all([1, 2, 3].map(async (n) => void (await tx.execute(insert(n))))))
    const failing = client.db.transaction((tx) => Promise.all([4, 1, 5].map(async (n) => void (await tx.execute(insert(n))))))
    await expect(failing).rejects.toThrow()
    expect(await numbers()).toEqual([1, 2, 3])
  })

  test('a COMMIT that takes everything back is an error', async () => {
    const committing = client.db.transaction(async (tx) => {
      await tx.execute(sql`insert into numbers values (1)`)
      await tx.execute(sql`insert into numbers values (1)`).catch(() => {})
    })
    await expect(committing).rejects.toThrow('rolled back')
    expect(await numbers()).toEqual([])
  })

  test('a statement behind its end is refused', async () => {
    let late: () => Promise<unknown> = async () => {}
    await client.db.transaction(async (tx) => {
      late = async () => tx.execute(sql`insert into numbers values (2)`)
      await tx.execute(sql`insert into numbers values (1)`)
    })
    await expect(late()).rejects.toMatchObject({ cause: { message: expect.stringContaining('ended') } })
    expect(await numbers()).toEqual([1])
  })
})

test.each([7, 12, 40])('a process with %i connections divides them all', (all) => {
  const shares = Object.values(shareConnections(all))
  expect(Math.min(...shares)).toBeGreaterThan(0)
  expect(shares.reduce((sum, share) => sum + share)).toBe(all - 2)
})

test('connections are opened when they are needed, up to the limit', async () => {
  const shares = { short: 2, long: 2, transactions: 3, queue: 0 }
  const busy = openClient(database.url, log, shares)
  const count = async () => (await admin`select from pg_stat_activity where datname = current_database() and application_name = 'custom-speech'`).length
  const before = await count()
  await busy.db.execute(sql`select 1`)
  expect((await count()) - before).toBe(1)
  const users = Array.from({ length: 30 }, () => [
    busy.db.execute(sql`select 1`).then(() => {}),
    busy.longDb.execute(sql`select pg_sleep(0.02)`).then(() => {}),
    busy.db.transaction(() => delay(20)),
  ])
  await Promise.all(users.flat())
  expect((await count()) - before).toBe(7)
  await busy.close()
})

function circular() {
  const value: { self?: unknown } = {}
  value.self = value
  return value
}
