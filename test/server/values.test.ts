// Values reach Postgres and come back as they were, whatever their type.
import { sql } from 'drizzle-orm'
import { bigint, boolean, integer, jsonb, pgEnum, real, snakeCase, text, uuid } from 'drizzle-orm/pg-core'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { openLog } from '../../src/log.ts'
import { type DatabaseClient, openClient } from '../../src/postgres/client.ts'
import { isAnyOf, isNoneOf, time } from '../../src/postgres/columns.ts'
import { openConnection } from '../../src/postgres/connection.ts'
import { cloneDatabase } from '../support/postgres.ts'

let database: Awaited<ReturnType<typeof cloneDatabase>>
let client: DatabaseClient
beforeAll(async () => {
  database = await cloneDatabase(inject('postgresUrl'))
  const admin = postgres(database.url, { max: 1, onnotice: () => {} })
  await admin.unsafe(`
    create type mood as enum ('A', 'B "x"');
    create table samples (id uuid primary key, text text, mood mood, moods mood[], number real, document jsonb, count int, counts int[], moment timestamptz(3), size bigint, is_on bool)`)
  await admin.end()
  client = openClient(database.url, openLog('silent'))
})
afterAll(async () => {
  await client.close()
  await database.drop()
})

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
  const values = ['a', 1.5, true, null, ['a', 'b"', null], [[1], [2]], { a: [1] }, new Date(5), 2n ** 60n, Buffer.from([1, 2])].map((value) => sql.param(value))
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

test('the queue gets dates as dates, and sends its documents as text', async () => {
  const connection = await openConnection(database.url, { name: 'test', withDates: true })
  const [row] = await connection.send("select $1::timestamptz as a, $2::jsonb as b, '2026-01-02T03:04:05.678+05:30'::timestamptz as c", [
    new Date(5),
    '{"a": 1}',
  ])
  await connection.close(0)
  expect(row).toEqual({ a: new Date(5), b: { a: 1 }, c: new Date('2026-01-01T21:34:05.678Z') })
})
