// Refusals and revocations, as clients of the Speech SDK read them.
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { countWordErrors } from '../../src/decoding/word-errors.ts'
import { openTestService, referenceRecording, referenceText, type Service, uuidOf } from '../support/service.ts'
import { configFor, microphone, openRecognizer, recognizeOnce, samplesOf, silence } from '../support/speech-client.ts'
import { openSocket } from '../support/speech-socket.ts'

let api: Service
let url: string
/** Everything that the service writes to its log in this file. */
const logged: string[] = []
beforeAll(async () => {
  vi.spyOn(process.stderr, 'write').mockImplementation((line) => Boolean(logged.push(String(line))))
  api = await openTestService({ MAX_SESSIONS_PER_KEY: '2', LOG_LEVEL: 'debug' })
  url = (await api.deployEndpoint()).webSocketUrl
})
afterAll(() => api.close())

const reference = referenceRecording()
const said = samplesOf(reference)

async function createKey(scopes: string[], service = api): Promise<{ id: string; secret: string }> {
  const { data } = await service.ask('mutation ($input: CreateKeyInput!) { createKey(input: $input) { ... on CreateKeySuccess { key { id } secret } } }', {
    input: { name: `test ${crypto.randomUUID().slice(0, 8)}`, scopes },
  })
  return { id: data?.createKey.key.id, secret: data?.createKey.secret }
}
const revoke = (id: string) => api.ask('mutation ($id: ID!) { revokeKey(id: $id) { __typename } }', { id })

/** What the SDK's user reads when nothing is recognized. */
async function readRefusal(to: string, key: string) {
  const began = performance.now()
  const { reason, details, of } = await recognizeOnce(configFor(to, key), reference)
  expect(reason).toBe('Canceled')
  expect(performance.now() - began).toBeLessThan(5_000)
  return { details, code: of('canceled')[0]?.code }
}

describe('the user of the SDK reads that', () => {
  test('a key is unknown', async () => {
    expect(await readRefusal(url, 'cs_wrong-wrong-wrong-wrong-wrong')).toEqual({
      code: 'BadRequestParameters',
      details: expect.stringContaining('KEY_INVALID: This key or token is unknown'),
    })
  })

  test('a key has been revoked', async () => {
    const key = await createKey(['RECOGNIZE'])
    await revoke(key.id)
    expect((await readRefusal(url, key.secret)).details).toContain('KEY_INVALID')
  })

  test('a key lacks the scope RECOGNIZE', async () => {
    const key = await createKey(['READ'])
    expect((await readRefusal(url, key.secret)).details).toContain('SCOPE_MISSING: This key lacks the scope RECOGNIZE')
  })

  test('an endpoint does not exist', async () => {
    expect((await readRefusal(url.replace(/cid=.*/, `cid=${crypto.randomUUID()}`), api.key)).details).toContain('ENDPOINT_NOT_FOUND')
  })

  test('a deployment is not Complete yet, with its progress', async () => {
    const { deployment } = await api.create()
    const { details } = await readRefusal(url.replace(/cid=.*/, `cid=${uuidOf(deployment.id)}`), api.key)
    expect(details).toMatch(/DEPLOYMENT_NOT_COMPLETE: The deployment is (QUEUED|PROVISIONING) \(\d+ %\)/)
  })

  test('a deployment has failed, with the reason', async () => {
    const id = (await api.deployEndpoint()).id
    const sql = postgres(api.databaseUrl)
    await sql`update deployments set status = 'FAILED', failure = ${sql.json({ stage: 'LOADING', code: 'MODEL_UNUSABLE', message: 'The encoder is broken.' })} where id = ${id}`
    await sql.end()
    expect((await readRefusal(url.replace(/cid=.*/, `cid=${id}`), api.key)).details).toContain(
      'DEPLOYMENT_FAILED: The deployment failed: The encoder is broken.',
    )
  })

  test('the provisioning of a deployment was canceled', async () => {
    const { deployment } = await api.create()
    await api.ask('mutation ($id: ID!) { cancelDeployment(id: $id) { __typename } }', { id: deployment.id })
    const to = url.replace(/cid=.*/, `cid=${uuidOf(deployment.id)}`)
    await expect.poll(async () => (await readRefusal(to, api.key)).details, { timeout: 10_000 }).toContain('DEPLOYMENT_CANCELED: Provisioning was canceled')
  })

  test('the audio format is not supported', async () => {
    const raw = Buffer.from(reference)
    raw.writeUInt16LE(24, 34)
    const socket = await openSocket(url, api.key)
    socket.audio('a'.repeat(32), raw)
    expect(await socket.closed).toEqual({ code: 1007, reason: expect.stringMatching(/^INVALID_WAV_HEADER: The sizes in the header contradict/) })
  })

  test('a phrase list is too long', async () => {
    const socket = await openSocket(url, api.key)
    const items = Array.from({ length: 501 }, (_, n) => ({ text: `phrase ${n}` }))
    socket.text('speech.context', 'a'.repeat(32), { dgi: { groups: [{ type: 'Generic', items }] } })
    socket.audio('a'.repeat(32), reference)
    expect((await socket.closed).reason).toMatch(/^PHRASE_LIST_TOO_LONG: .*501 phrases/)
  })

  test('the key has reached its limit of sessions, while other keys continue', async () => {
    const first = openRecognizer(configFor(url, api.key), microphone(silence(8)).audio)
    const second = openRecognizer(configFor(url, api.key), microphone(silence(8)).audio)
    await Promise.all([first.start(), second.start()])
    await expect.poll(async () => (await recognizeOnce(configFor(url, api.key), reference)).reason, { timeout: 4_000 }).toBe('Canceled')
    const { of, result } = await recognizeOnce(configFor(url, api.key), reference)
    expect(of('canceled')[0]).toMatchObject({ code: 'TooManyRequests', details: expect.stringContaining('parallel requests exceeded') })
    expect(result.text).toBeFalsy()
    const overHttp = await api.post(url.replace('ws', 'http'), reference)
    expect(overHttp.status).toBe(429)
    expect(await overHttp.json()).toMatchObject({ code: 'TOO_MANY_SESSIONS' })
    const other = await createKey(['RECOGNIZE'])
    expect((await recognizeOnce(configFor(url, other.secret), reference)).reason).toBe('RecognizedSpeech')
    await first.close()
    await second.close()
    await expect.poll(async () => (await recognizeOnce(configFor(url, api.key), reference)).reason, { timeout: 5_000 }).toBe('RecognizedSpeech')
  })
})

describe('open requests end within two seconds', () => {
  test('when its key is revoked', async () => {
    const key = await createKey(['RECOGNIZE'])
    const client = openRecognizer(configFor(url, key.secret), microphone(Buffer.concat([said, said, said])).audio)
    await client.start()
    await client.until(() => client.of('speechStart').length > 0)
    const began = performance.now()
    await revoke(key.id)
    await client.until(() => client.of('canceled').length > 0)
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(client.of('canceled')[0]?.details).toContain('KEY_REVOKED: The key has been revoked')
  })

  test('when the key of its token is revoked', async () => {
    const key = await createKey(['RECOGNIZE'])
    const issue = () => fetch(`${api.localUrl}/sts/v1.0/issueToken`, { method: 'POST', headers: { 'Ocp-Apim-Subscription-Key': key.secret } })
    const token = await (await issue()).text()
    expect(token).toMatch(/^cst_/)
    const socket = await openSocket(`${url}&Authorization=Bearer%20${token}`, '')
    socket.audio('a'.repeat(32), reference.subarray(0, 20_000))
    await socket.until(/turn.start/)
    await revoke(key.id)
    expect((await socket.closed).reason).toContain('KEY_REVOKED')
    expect((await issue()).status).toBe(401)
    const again = await fetch(url.replace('ws', 'http'), { method: 'POST', body: reference, headers: { authorization: `Bearer ${token}` } })
    expect(await again.json()).toMatchObject({ code: 'KEY_REVOKED' })
  })

  test('when the key of an incomplete HTTP upload is revoked', async () => {
    const key = await createKey(['RECOGNIZE'])
    const held = new ReadableStream({ start: (controller) => controller.enqueue(reference.subarray(0, 50_000)) })
    const answer = api.post(url.replace('ws', 'http'), held, { 'Ocp-Apim-Subscription-Key': key.secret })
    await expect.poll(async () => await (await fetch(`${api.localUrl}/metrics`)).text()).toMatch(/^custom_speech_sessions 1$/m)
    const began = performance.now()
    await revoke(key.id)
    const response = await answer
    expect(performance.now() - began).toBeLessThan(2_000)
    expect([response.status, await response.json()]).toMatchObject([401, { code: 'KEY_REVOKED' }])
  })

  test('when its deployment is deleted', async () => {
    const { deployment } = await api.deploy()
    const client = openRecognizer(configFor(deployment.endpoint?.webSocketUrl ?? '', api.key), microphone(Buffer.concat([said, said, said])).audio)
    await client.start()
    await client.until(() => client.of('speechStart').length > 0)
    const began = performance.now()
    await api.ask('mutation ($id: ID!) { deleteDeployment(id: $id) { __typename } }', { id: deployment.id })
    await client.until(() => client.of('canceled').length > 0)
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(client.of('canceled')[0]?.details).toContain('DEPLOYMENT_DELETED: The deployment has been deleted')
    expect((await readRefusal(deployment.endpoint?.webSocketUrl ?? '', api.key)).details).toContain('DEPLOYMENT_DELETED')
  })
})

test('open requests end within two seconds when their deployment is suspended, and its endpoint refuses others', async () => {
  const { deployment } = await api.deploy()
  const to = deployment.endpoint?.webSocketUrl ?? ''
  const client = openRecognizer(configFor(to, api.key), microphone(Buffer.concat([said, said, said])).audio)
  await client.start()
  await client.until(() => client.of('speechStart').length > 0)
  const began = performance.now()
  await api.act('suspendDeployment', deployment.id)
  await client.until(() => client.of('canceled').length > 0)
  expect(performance.now() - began).toBeLessThan(2_000)
  // The whole reason fits into a close frame.
  expect(client.of('canceled')[0]?.details).toContain('DEPLOYMENT_SUSPENDED: The deployment is suspended. Resume it in the dashboard or with resumeDeployment.')
  expect((await readRefusal(to, api.key)).details).toContain('DEPLOYMENT_SUSPENDED')
})

test('clients without a key take no slot from clients with a key', async () => {
  const small = await openTestService({ MAX_SESSIONS: '1' })
  onTestFinished(() => small.close())
  const to = (await small.deployEndpoint()).webSocketUrl
  const silent = await Promise.all(Array.from({ length: 8 }, () => openSocket(to, 'wrong')))
  expect((await recognizeOnce(configFor(to, small.key), reference)).reason).toBe('RecognizedSpeech')
  const reasons = (await Promise.all(silent.map(({ closed }) => closed))).map(({ reason }) => reason)
  expect(reasons).toEqual(Array(8).fill(expect.stringContaining('KEY_INVALID')))
})

test('wrong keys are refused with a delay, a valid key is accepted at once', async () => {
  const wrong = () =>
    fetch(url.replace('ws', 'http'), { method: 'POST', body: '', headers: { 'Ocp-Apim-Subscription-Key': 'cs_wrong-wrong-wrong-wrong-wrong' } })
  for (let n = 0; n < 60; n++) await Promise.race([wrong(), new Promise((late) => setTimeout(late, 50))])
  const began = performance.now()
  expect((await wrong()).status).toBe(401)
  expect(performance.now() - began).toBeGreaterThan(900)
  const right = performance.now()
  expect((await recognizeOnce(configFor(url, api.key), reference)).reason).toBe('RecognizedSpeech')
  expect(performance.now() - right).toBeLessThan(10_000)
})

test('a different language is ignored, and the response has a warning', async () => {
  const response = await api.post(`${url.replace('ws', 'http')}&language=de-DE`, reference)
  expect(response.headers.get('warning')).toBe('299 - "This endpoint recognizes en-US. It ignored language=de-DE."')
  expect(countWordErrors(referenceText, ((await response.json()) as { DisplayText: string }).DisplayText).errors).toBe(0)
})

test('a page of any origin can call an endpoint with a key', async () => {
  const to = url.replace('ws', 'http')
  const preflight = await fetch(to, {
    method: 'OPTIONS',
    headers: { origin: 'https://example.com', 'access-control-request-headers': 'ocp-apim-subscription-key,content-type' },
  })
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
  expect(preflight.headers.get('access-control-allow-credentials')).toBeNull()
  expect(preflight.headers.get('access-control-allow-headers')).toContain('ocp-apim-subscription-key')
  expect((await api.post(to, reference, { origin: 'https://example.com' })).headers.get('access-control-allow-origin')).toBe('*')
})

test('the log contains no key or token, and the metrics count the refusals', async () => {
  expect(logged.join('\n')).not.toMatch(/cs_[\w-]{8}|cst_[\w-]{8}|RIFF/)
  const figures = await (await fetch(`${api.localUrl}/metrics`)).text()
  expect(figures).toMatch(/^custom_speech_problems_total\{code="KEY_INVALID"\} [1-9]/m)
  expect(figures).toMatch(/^custom_speech_phrases_total [1-9]/m)
  expect(figures).toMatch(/^custom_speech_sessions 0$/m)
  expect(figures).not.toMatch(/cs_|[0-9a-f]{8}-[0-9a-f]{4}/)
})
