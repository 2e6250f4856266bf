// Postgres ends the LISTEN connection of a process between two events.
import postgres from 'postgres'
import { expect, onTestFinished, test } from 'vitest'
import { startTestService } from '../support/service.ts'
import { figure } from './figure.ts'

test('the kill of a LISTEN connection loses no event and delays the next one by less than 2 s', async () => {
  const api = await startTestService({ ROLES: 'api', LOG_LEVEL: 'silent' })
  const sql = postgres(api.databaseUrl, { max: 1 })
  onTestFinished(() => sql.end())
  const { deployment } = await api.create()
  const rename = (name: string) =>
    api.ask('mutation ($id: ID!, $name: String!) { updateDeployment(input: { id: $id, name: $name }) { __typename } }', { id: deployment.id, name })

  const changes = api.watch(deployment.id)
  const next = async () => ((await changes.next()).value as { sequence: number }).sequence
  expect(await next()).toBe(1)
  const delays: number[] = []
  for (let round = 0; round < 3; round++) {
    const killed =
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'custom-speech-events' and datname = current_database()`
    expect(killed).toHaveLength(1)
    const started = performance.now()
    await rename(`Renamed ${round}`)
    expect(await next()).toBe(round + 2)
    delays.push(performance.now() - started)
    await expect
      .poll(async () => (await sql`select from pg_stat_activity where application_name = 'custom-speech-events' and datname = current_database()`).length)
      .toBe(1)
  }
  await changes.return(undefined)
  expect(Math.max(...delays)).toBeLessThan(2000)
  figure('LISTEN connection killed', { rounds: delays.length, 'longest delay, ms': Math.max(...delays) })
})
