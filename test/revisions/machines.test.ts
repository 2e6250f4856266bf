// Two processes that share only Postgres.
import { rm } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { startService } from '../../src/main.ts'
import { makeDirectory } from '../support/postgres.ts'
import { referenceRecording, startTestService } from '../support/service.ts'
import { until } from '../support/until.ts'
import { revisionsOf } from './client.ts'

test('another process loads the models of a revision on trial, and its next request after a switch is on the new revision', { timeout: 300_000 }, async () => {
  const api = await startTestService()
  const { deployment } = await api.deploy()
  const dataDir = await makeDirectory()
  const settings = { DATABASE_URL: api.databaseUrl, DATA_DIR: dataDir, PORT: '0', RECOGNIZERS: '1', LOG_LEVEL: 'error', ROLES: 'speech' }
  const other = await startService(readConfig(settings))
  onTestFinished(async () => {
    await other.close()
    await rm(dataDir, { recursive: true, force: true })
  })
  const loaded = async () => {
    const figures = await (await fetch(`${other.localUrl}/metrics`)).text()
    return Number(/^custom_speech_recognizer_models (\d+)$/m.exec(figures)?.[1])
  }
  await until(async () => (await loaded()) === 1)

  const revisions = revisionsOf(api)
  await revisions.redeploy(deployment.id, { canary: { percent: 0 } })
  await until(async () => (await loaded()) === 2)
  const url = (deployment.endpoint?.httpUrl ?? '').replace(api.localUrl, other.localUrl)
  const ask = async () => Number((await api.post(url, referenceRecording())).headers.get('x-revision'))
  expect(await ask()).toBe(1)
  await until(async () => (await revisions.read(deployment.id))['pendingRevision'].status === 'COMPLETE')
  await revisions.promote(deployment.id)
  expect(await ask()).toBe(2)
  await revisions.rollback(deployment.id, 1)
  expect(await ask()).toBe(1)
  expect(await loaded()).toBe(2)

  // A process that starts later loads the revision that served last too, so that the way back is as fast.
  const late = await startService(readConfig({ ...settings, DATA_DIR: await makeDirectory() }))
  onTestFinished(late.close)
  await until(async () => /^custom_speech_recognizer_models 2$/m.test(await (await fetch(`${late.localUrl}/metrics`)).text()))
})
