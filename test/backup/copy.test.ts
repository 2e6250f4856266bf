// COPY over a connection: rows that come faster than they are taken, and errors at the end.
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { copyIn, copyOut } from '../../src/backup/copy.ts'
import { openUnbounded } from '../../src/postgres/migration.ts'
import { createEmptyDatabase } from './empty-database.ts'

async function connect() {
  const connection = await openUnbounded((await createEmptyDatabase()).url)
  onTestFinished(() => connection.close(0))
  return connection
}

async function* chunksOf(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text)
}

test('the connection answers the next statement after a COPY of large rows that are taken slowly', async () => {
  const connection = await connect()
  await connection.send('create table large as select repeat(md5(n::text), 30000) as text from generate_series(1, 20) n; create table empty (one int)')
  for (let round = 0; round < 10; round++) {
    let bytes = 0
    const take = async (chunk: Buffer) => {
      bytes += chunk.length
      await delay(1)
    }
    expect(await copyOut(connection, 'copy large to stdout', take)).toBe(20)
    expect(bytes).toBe(20 * 960_001)
    expect(await copyOut(connection, 'copy empty to stdout', take)).toBe(0)
  }
})

test('an error of a COPY is reported when it comes first, in the middle or after the last row', async () => {
  const connection = await connect()
  await connection.send('create table numbers (one int primary key deferrable initially immediate)')
  await expect(copyOut(connection, 'copy missing to stdout', async () => {})).rejects.toThrow('"missing" does not exist')
  await expect(copyIn(connection, 'copy missing from stdin', chunksOf('1\n'))).rejects.toThrow('"missing" does not exist')
  await expect(copyIn(connection, 'copy numbers from stdin', chunksOf('1\n', 'two\n', '3\n'.repeat(1e5)))).rejects.toThrow('invalid input syntax')
  // A key that can be deferred is checked when all rows are there.
  await expect(copyIn(connection, 'copy numbers from stdin', chunksOf('1\n', '1\n'))).rejects.toThrow('duplicate key')
  expect(await copyIn(connection, 'copy numbers from stdin', chunksOf('1\n', '2\n3\n'))).toBe(3)
})
