// How statements reach Postgres and rows come back: types, pipelines, prepared statements, transactions, connections.
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { bigint, boolean, integer, jsonb, pgEnum, real, snakeCase, text, uuid } from 'drizzle-orm/pg-core'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { openLog } from '../../src/log.ts'
import { type DatabaseClient, openClient, shareConnections } from '../../src/postgres/client.ts'
import { isAnyOf, isNoneOf, time } from '../../src/postgres/columns.ts'
import { type Connection, openConnection } from '../../src/postgres/connection.ts'
import { cloneDatabase } from '../support/postgres.ts'

const log = openLog('silent')
let database: Awaited<ReturnType<typeof cloneDatabase>>
let admin: postgres.Sql
let client: DatabaseClient
beforeAll(async () => {
  database = await cloneDatabase(inject('postgresUrl'))
  admin = postgres(database.url, { max: 1, onnotice: () => {} })
  await admin.unsafe(`
    create type mood as enum ('A', 'B "x"');
    create table samples (id uuid primary key, text text, mood mood, moods mood[], number real, document jsonb, count int, counts int[], moment timestamptz(3), size bigint, is_on bool);
    create table numbers (n int primary key)`)
})
afterAll(async () => {
  await admin.end()
  await database.drop()
})
beforeEach(() => {
  client = openClient(database.url, log, { short: 1, long: 1, transactions: 1, queue: 0 })
})
afterEach(() => client.close())

const mood = pgEnum('mood', ['A', 'B "x"'])
const samples = snakeCase.table('samples', {
  id: uuid().primaryKey(),
  text: text(),
  mood: mood(),
  moods: mood().array(),
  number: real(),
  document: jsonb().$type<unknown>(),
  count: integer(),
  counts: integer().array(),
  moment: time(),
  size: bigint({ mode: 'number' }),
  isOn: boolean(),
})
const odd = 'ä"\\{}, NULL \n日本 😀 \'; $1'
const nothing = { text: null, mood: null, moods: null, number: null, document: null, count: null, counts: null, moment: null, size: null, isOn: null }
const rows: (typeof samples.$inferInsert)[] = [
  {
    id: '00000000-0000-7000-8000-000000000001',
    text: odd,
    mood: 'B "x"',
    moods: ['A', 'B "x"'],
    number: 0.5,
    document: { a: [1, { b: null }], c: odd },
    count: -5,
    counts: [1, -2],
    moment: new Date('2026-11-27T01:02:03.456Z'),
    size: 9007199254740991,
    isOn: true,
  },
  {
    id: '00000000-0000-7000-8000-000000000002',
    text: '',
    mood: 'A',
    moods: [],
    number: 0,
    document: [1, 'x', [true]],
    count: 0,
    counts: [],
    moment: new Date(0),
    size: -1,
    isOn: false,
  },
  { ...nothing, id: '00000000-0000-7000-8000-000000000003', text: 'NULL', document: 'a "string"' },
  { ...nothing, id: '00000000-0000-7000-8000-000000000004', document: false },
  { ...nothing, id: '00000000-0000-7000-8000-000000000005' },
]

describe('values', () => {
  test('a row of every column type is read as it was written, inside and outside of a transaction', async () => {
    expect(await client.db.insert(samples).values(rows).returning()).toEqual(rows)
    expect(await client.longDb.select().from(samples).orderBy(samples.id)).toEqual(rows)
    expect(await client.db.transaction((tx) => tx.select().from(samples).orderBy(samples.id))).toEqual(rows)
    const ids = rows.map(({ id }) => id)
    expect(
      await client.db
        .select({ id: samples.id })
        .from(samples)
        .where(isAnyOf(samples.id, ids.slice(3)))
        .orderBy(samples.id),
    ).toEqual(ids.slice(3).map((id) => ({ id })))
    expect(
      await client.db
        .select({ id: samples.id })
        .from(samples)
        .where(isNoneOf(samples.id, ids.slice(1))),
    ).toEqual([{ id: ids[0] }])
    expect(
      await client.db
        .select()
        .from(samples)
        .where(isAnyOf(samples.text, [], 'text')),
    ).toEqual([])
    expect(await client.db.delete(samples)).toHaveProperty('count', 5)
  })

  test('rows of written SQL have the types that the table does not name', async () => {
    const [row] = await client.db.execute(sql`select 1::int2 as a, 2::int8 as b, 4.5::numeric as c, 1.5::float8 as d, 'x'::text as e, null as f,
      '2026-01-02T03:04:05.678901Z'::timestamptz as g, '2026-01-02'::date as h, '{"a": [1]}'::json as i, '\\x0102'::bytea as j,
      array['a', 'b,"c', '{}', null, 'NULL', '', E'd\\\\e']::text[] as k, array[[1, 2], [3, null]] as l, array[5]::int8[] as m, array[true, false] as n,
      array['00000000-0000-0000-0000-000000000001']::uuid[] as o, array['{"a":"}"}']::jsonb[] as p, '3 days'::interval as q`)
    expect(row).toEqual({
      a: 1,
      b: '2',
      c: '4.5',
      d: 1.5,
      e: 'x',
      f: null,
      g: '2026-01-02 03:04:05.678901+00',
      h: '2026-01-02',
      i: { a: [1] },
      j: Buffer.from([1, 2]),
      k: ['a', 'b,"c', '{}', null, 'NULL', '', 'd\\e'],
      l: [
        [1, 2],
        [3, null],
      ],
      m: ['5'],
      n: [true, false],
      o: ['00000000-0000-0000-0000-000000000001'],
      p: [{ a: '}' }],
      q: '3 days',
    })
  })

  test('parameters of every JavaScript type arrive', async () => {
    const values = ['a', 1.5, true, null, ['a', 'b"', null], [[1], [2]], { a: [1] }, new Date(5), 2n ** 60n, Buffer.from([1, 2])].map((value) =>
      sql.param(value),
    )
    const [row] = await client.db.execute(sql`select ${values[0]}::text as a, ${values[1]}::float8 as b, ${values[2]}::bool as c, ${values[3]}::text as d,
      ${values[4]}::text[] as e, ${values[5]}::int[] as f, ${values[6]}::jsonb as g, ${values[7]}::timestamptz as h, ${values[8]}::bigint as i, ${values[9]}::bytea as j`)
    expect(row).toEqual({
      a: 'a',
      b: 1.5,
      c: true,
      d: null,
      e: ['a', 'b"', null],
      f: [[1], [2]],
      g: { a: [1] },
      h: '1970-01-01 00:00:00.005+00',
      i: '1152921504606846976',
      j: Buffer.from([1, 2]),
    })
  })
})

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
