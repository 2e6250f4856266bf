// Writes commit in the order of their positions, so that positions can be cursors.
import postgres from 'postgres'
import { expect, onTestFinished, test } from 'vitest'
import { startTestService } from '../support/service.ts'
import { until } from '../support/until.ts'
import { figure } from './figure.ts'
import { openWriter } from './writer.ts'

test('the second of two writers commits after the first, and a watcher of the workspace misses neither change', async () => {
  const api = await startTestService({ ROLES: 'api' })
  const sql = postgres(api.databaseUrl, { max: 1 })
  onTestFinished(() => sql.end())
  const writer = openWriter(api.databaseUrl)
  const [first, second] = [(await api.create()).deployment.id, (await api.create()).deployment.id]
  const after = (await api.ask('{ deployments(first: 1) { changesCursor } }')).data?.deployments.changesCursor
  const watching = api.watchAll({ after })
  const next = async () => {
    const { deploymentId, message, cursor } = (await watching.next()).value as { deploymentId: string; message: string; cursor: string }
    return { deploymentId, message, cursor }
  }

  const hold = Promise.withResolvers<void>()
  const slow = writer.write(first, 'written first', () => hold.promise)
  const isWaiting = async () =>
    (await sql`select from pg_stat_activity where datname = current_database() and application_name = 'custom-speech' and wait_event_type = 'Lock'`).length > 0
  // The first writer must hold the lock before the second starts.
  await until(async () => (await sql`select from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`).length > 0)
  const order: string[] = []
  const fast = writer.write(second, 'written second').then(() => order.push('second'))
  await until(isWaiting)
  const waitedFrom = performance.now()
  // A writer of another workspace does not wait for the lock.
  expect((await api.ask('{ deployments { totalCount } }')).data?.deployments.totalCount).toBe(2)
  expect(order).toEqual([])
  hold.resolve()
  await slow.then(() => order.unshift('first'))
  await fast
  const [one, two] = [await next(), await next()]
  expect([one, two].map(({ deploymentId, message }) => [deploymentId, message])).toEqual([
    [first, 'written first'],
    [second, 'written second'],
  ])
  await watching.return(undefined)
  const resumed = api.watchAll({ after: one.cursor })
  expect(((await resumed.next()).value as { message: string }).message).toBe('written second')
  await resumed.return(undefined)
  figure('two writers in the other order', { 'second waited and came second after, ms': performance.now() - waitedFrom })
})
