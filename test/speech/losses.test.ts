// Processes end in the middle of speech, and clients notice nothing.
import { rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { startService } from '../../src/main.ts'
import { makeDirectory } from '../support/postgres.ts'
import { childrenRunning } from '../support/recognizers.ts'
import { openTestService, referenceRecording, referenceText, type Service } from '../support/service.ts'
import { configFor, microphone, openRecognizer, pushed, samplesOf, silence } from '../support/speech-client.ts'

let api: Service
let url: string
/** Everything that the service writes to its log in this file. */
const logged: string[] = []
beforeAll(async () => {
  vi.spyOn(process.stderr, 'write').mockImplementation((line) => Boolean(logged.push(String(line))))
  api = await openTestService({ LOG_LEVEL: 'debug' })
  url = (await api.deployEndpoint()).webSocketUrl.replace('interactive', 'conversation')
})
afterAll(() => api.close())

const said = samplesOf(referenceRecording())
const twice = `${referenceText} ${referenceText}`

test('a crash of the detector loses no word', async () => {
  const client = openRecognizer(configFor(url, api.key), microphone(Buffer.concat([said, silence(1), said, silence(1)]), { speed: 2 }).audio)
  await client.start()
  await client.until(() => client.of('speechStart').length > 0)
  for (const pid of childrenRunning('detector.process.ts')) process.kill(pid, 'SIGKILL')
  await client.until(() => client.of('sessionStopped').length > 0 || client.of('canceled').length > 0)
  expect(client.of('canceled')).toMatchObject([{ reason: 'EndOfStream' }])
  expect(countWordErrors(twice, client.text()).errors).toBe(0)
})

test('a crash of a recognizer process loses no word', async () => {
  const client = openRecognizer(configFor(url, api.key), pushed(Buffer.concat([said, silence(1), said])))
  await client.start()
  await client.until(() => client.of('speechStart').length > 0)
  for (const pid of childrenRunning('worker.process.ts')) process.kill(pid, 'SIGKILL')
  await client.until(() => client.of('sessionStopped').length > 0 || client.of('canceled').length > 0)
  expect(client.of('canceled')).toMatchObject([{ reason: 'EndOfStream' }])
  expect(countWordErrors(twice, client.text()).errors).toBe(0)
})

test('a crash of the detector after the last audio loses no word', async () => {
  const client = openRecognizer(configFor(url, api.key), pushed(Buffer.concat([said, silence(1), said])))
  await client.start()
  await client.until(() => client.of('speechStart').length > 0)
  for (const pid of childrenRunning('detector.process.ts')) process.kill(pid, 'SIGKILL')
  await client.until(() => client.of('sessionStopped').length > 0 || client.of('canceled').length > 0)
  expect(countWordErrors(twice, client.text()).errors).toBe(0)
})

test('a shutdown in mid-speech loses no word, because open recognitions finish', async () => {
  const service = await openTestService()
  const to = (await service.deployEndpoint()).webSocketUrl
  const client = openRecognizer(configFor(to, service.key), microphone(said).audio)
  const result = client.once()
  await client.until(() => client.of('speechStart').length > 0)
  const closing = service.close()
  expect(countWordErrors(referenceText, (await result).text).errors).toBe(0)
  await closing
})

test('a shutdown in a long talk loses no word, because the client continues at another server', { timeout: 120_000 }, async () => {
  const to = new URL((await api.deployEndpoint('CONVERSATIONAL')).webSocketUrl)
  const [first, second] = await Promise.all([openSpeechNode(), openSpeechNode()])
  const balancer = await openBalancer(first.port)
  to.port = String(balancer.port)
  const begun = Buffer.concat([said, silence(1)])
  const hasMoved = () => balancer.ports().length > 1
  const rest = Buffer.concat([said, silence(1.5), said])
  const { audio } = microphone(Buffer.concat([begun, rest]), { pause: { at: begun.length, isHeld: () => !hasMoved() } })
  const client = openRecognizer(configFor(to.href, api.key), audio)
  await client.start()
  await client.until(() => client.of('speechStart').length > 0)
  balancer.turnTo(second.port)
  await first.close()
  await client.until(() => client.of('sessionStopped').length > 0 || client.of('canceled').length > 0)
  expect(client.of('canceled')).toEqual([{ kind: 'canceled', reason: 'EndOfStream', code: 'NoError', details: '' }])
  expect(countWordErrors(Array(3).fill(referenceText).join(' '), client.text()).errors).toBe(0)
  expect(balancer.ports()).toEqual([first.port, second.port])
  await client.close()
  await balancer.close()
  await second.close()
})

test('the log records the crashes and contains no key, token or audio', () => {
  const log = logged.join('\n')
  expect(log).toContain('the detector ended')
  expect(log).not.toMatch(/cs_[\w-]{8}|cst_[\w-]{8}|RIFF/)
})

/** Another process of the same installation, as it were: it recognizes, and nothing else. */
async function openSpeechNode() {
  const dataDir = await makeDirectory()
  const config = {
    DATABASE_URL: api.databaseUrl,
    DATA_DIR: dataDir,
    PORT: '0',
    RECOGNIZERS: '1',
    LOG_LEVEL: 'error',
    BOOTSTRAP_KEY: api.key,
    ROLES: 'speech',
    SHUTDOWN_SECONDS: '30',
  }
  const service = await startService(readConfig(config))
  return {
    port: Number(new URL(service.localUrl).port),
    async close() {
      await service.close()
      await rm(dataDir, { recursive: true })
    },
  }
}

/** A load balancer in front of two servers. */
async function openBalancer(port: number) {
  let target = port
  const connected: number[] = []
  const server = createServer((near) => {
    connected.push(target)
    const far = connect(target, '127.0.0.1')
    near.on('error', () => far.destroy()).pipe(far)
    far.on('error', () => near.destroy()).pipe(near)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    port: (server.address() as AddressInfo).port,
    /** Where each connection went. */
    ports: () => connected,
    turnTo(next: number) {
      target = next
    },
    close: () => new Promise((done) => server.close(done)),
  }
}
