// A new deployment is proved through the server's own address; its PUBLIC_URL is checked beside that.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ServedDeployment } from '../../src/domain/endpoint.ts'
import { checkPublicUrl } from '../../src/jobs/check-public-url.ts'
import { type Verifier, verifyEndpoint } from '../../src/jobs/verify-endpoint.ts'
import { openTestService, referenceFile, referenceText, type Service } from '../support/service.ts'
import { type HttpFault, openFaultyEndpoint, type SocketFault } from './faulty-endpoint.ts'

let api: Service
let proxy: Awaited<ReturnType<typeof openFaultyEndpoint>>
beforeAll(async () => {
  proxy = await openFaultyEndpoint()
  api = await openTestService({ PUBLIC_URL: proxy.url })
  proxy.pointTo(api.localUrl)
})
afterAll(async () => {
  await api.close()
  await proxy.close()
})

/** Deploys, and returns the warning of the verification. */
async function findWarning(): Promise<string | null> {
  const { status, deployment } = await api.deploy()
  expect(status).toBe('COMPLETE')
  const { data } = await api.ask('query ($id: ID!) { deployment(id: $id) { verification { url webSocketUrl warning } } }', { id: deployment.id })
  // The internal address is not for tenants.
  const { url, webSocketUrl, warning } = data?.['deployment'].verification ?? {}
  expect([url, webSocketUrl]).toEqual([expect.stringContaining(`${proxy.url}/speech/`), expect.stringContaining(`${proxy.url.replace('http', 'ws')}/speech/`)])
  return warning
}

const answer =
  (status: number, body: string): HttpFault =>
  (response) =>
    void response.writeHead(status).end(body)
const faults: [string, { http?: HttpFault; socket?: SocketFault }, RegExp][] = [
  ['is the page of another server', { http: answer(200, '<html>Welcome</html>') }, /another server answered with the status 200/],
  ['leads to another installation', { http: answer(404, '{"code":"ENDPOINT_NOT_FOUND"}') }, /the answer was ENDPOINT_NOT_FOUND/],
  ['removes the token', { http: answer(401, '{"code":"KEY_MISSING"}') }, /the answer was KEY_MISSING/],
  ['never answers', { http: () => {} }, /no answer in time/],
  ['passes no WebSockets', { socket: { refuse: '426 Upgrade Required' } }, /no WebSockets.*status 426.*Upgrade and Connection/],
  ['cuts WebSockets', { socket: { cut: true } }, /no WebSockets.*the connection failed/],
]

describe('a deployment becomes COMPLETE with a warning if its PUBLIC_URL', () => {
  test.each(faults)('%s', async (_, { http, socket }, warning) => {
    if (http) proxy.faults.http.push(http)
    if (socket) proxy.faults.socket.push(socket)
    const found = await findWarning()
    expect(found).toMatch(warning)
    expect(found).toContain('Check ')
    expect(found).not.toMatch(/cst_|Bearer|cid=/)
  })

  test('refuses connections', async () => {
    await proxy.close()
    expect(await findWarning()).toMatch(/ECONNREFUSED/)
    await proxy.reopen()
  })
})

test.each([
  ['another deployment', crypto.randomUUID(), /closed with ENDPOINT_NOT_FOUND/],
  ['this deployment', undefined, undefined],
])('the check of WebSockets that lead to %s', async (_, otherId, warning) => {
  const { httpUrl, webSocketUrl } = await api.deployEndpoint()
  const urls = { id: '', mode: 'interactive', httpUrl, webSocketUrl: otherId ? webSocketUrl.replace(/cid=.*/, `cid=${otherId}`) : webSocketUrl } as const
  const found = await checkPublicUrl(urls, proxy.url, api.key, new AbortController().signal)
  if (warning) expect(found).toMatch(warning)
  else expect(found).toBeUndefined()
})

test('the check of invalid URLs returns a finding and does not reject', async () => {
  const { httpUrl } = await api.deployEndpoint()
  const urls = { id: '', mode: 'interactive', httpUrl, webSocketUrl: 'ws://not a host/' } as const
  expect(await checkPublicUrl(urls, proxy.url, api.key, new AbortController().signal)).toMatch(/the connection failed/)
})

test('a PUBLIC_URL that never answers is logged once for several deployments, which are tested with tokens of 15 minutes', async () => {
  const id = new URL((await api.deployEndpoint()).httpUrl).searchParams.get('cid')
  const warnings: object[] = []
  const expiries: number[] = []
  const service = {
    catalog: { references: new Map([['en-US', { text: referenceText, audioFile: referenceFile }]]) },
    limits: { noticeSeconds: 1 },
    store: { now: Date.now },
    tokens: { issue: ({ expiresAt }: { expiresAt: number }) => expiries.push(expiresAt) && api.key },
    log: { warn: (_: object, message: string) => warnings.push([message]) },
    internalUrl: api.localUrl,
    publicUrl: proxy.url,
  } as unknown as Verifier
  const served = { deployment: { id, locale: 'en-US' }, acousticModel: { scenario: 'SEARCH_AND_DICTATION' } } as ServedDeployment
  for (let n = 0; n < 2; n++) {
    proxy.faults.http.push(() => {})
    const { warning } = await verifyEndpoint(service, served, { signal: new AbortController().signal, waiting: () => {}, isAtOnce: n === 0 })
    expect(warning).toMatch(/no answer in time/)
  }
  expect(warnings).toEqual([['PUBLIC_URL does not lead to a deployment']])
  // Clocks of machines differ by minutes.
  for (const expiresAt of expiries) expect(expiresAt - Date.now()).toBeGreaterThan(10 * 60_000)
})

test.each([
  ['answers', {}],
  ['is busy', { http: answer(503, '{"code":"TOO_MANY_SESSIONS"}'), socket: { refuse: '503 Service Unavailable' } }],
])('a PUBLIC_URL that %s gives no warning', async (_, fault: { http?: HttpFault; socket?: SocketFault }) => {
  if (fault.http) proxy.faults.http.push(fault.http)
  if (fault.socket) proxy.faults.socket.push(fault.socket)
  const before = { ...proxy.calls }
  expect(await findWarning()).toBeNull()
  expect(proxy.calls).toEqual({ http: before.http + 1, socket: before.socket + 1 })
})
