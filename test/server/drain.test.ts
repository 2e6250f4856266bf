// A stop behind a balancer: /ready tells the balancer first.
import { once } from 'node:events'
import { expect, inject, type TestContext, test } from 'vitest'
import { WebSocket } from 'ws'
import { cloneDatabase } from '../support/postgres.ts'
import { makeDataDir, start } from '../support/program.ts'
import { until } from '../support/until.ts'

async function startWithDrain(seconds: number, onTestFinished: TestContext['onTestFinished']) {
  const database = await cloneDatabase(inject('postgresUrl'))
  onTestFinished(database.drop)
  const settings = { DRAIN_SECONDS: String(seconds), SHUTDOWN_SECONDS: '0', ROLES: 'api,speech' }
  return start({ DATABASE_URL: database.url, DATA_DIR: await makeDataDir(onTestFinished), ...settings }, onTestFinished)
}

test.concurrent('after SIGTERM /ready is 503 while new requests and sockets are served, until a second signal', async ({ onTestFinished }) => {
  const api = await startWithDrain(300, onTestFinished)
  const readReady = async () => (await fetch(`${api.url}/ready`)).json()
  expect(await readReady()).toMatchObject({ accepting: true })
  api.child.kill('SIGTERM')
  const began = performance.now()
  await until(async () => (await fetch(`${api.url}/ready`)).status === 503)
  expect(await readReady()).toMatchObject({ status: 'not ready', accepting: false, postgres: true })
  expect((await api.ask('{ locales { code } }')).data?.['locales']).toContainEqual({ code: 'en-US' })
  const socket = new WebSocket(`${api.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  await once(socket, 'open')
  socket.terminate()
  // Two equal signals within 0.3 s are one request to stop.
  await until(() => performance.now() - began > 400)
  api.child.kill('SIGTERM')
  expect((await api.ended).code).toBe(1)
})

test.concurrent('the process ends after DRAIN_SECONDS', async ({ onTestFinished }) => {
  const api = await startWithDrain(1, onTestFinished)
  api.child.kill('SIGTERM')
  expect((await api.ended).code).toBe(0)
})

test.concurrent('Ctrl-C does not wait for DRAIN_SECONDS', async ({ onTestFinished }) => {
  const api = await startWithDrain(300, onTestFinished)
  api.child.kill('SIGINT')
  expect((await api.ended).code).toBe(0)
})
