// A connection that rests is closed by its client or balancer, not by the server in the middle of the next request.
import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { startTestService } from '../support/service.ts'

test('a connection stays open for more than a minute, and accepts a request after an idle time longer than the header timeout', async () => {
  const api = await startTestService({ ROLES: 'api' })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const ask = () =>
    new Promise<{ status: number | undefined; kept: string; port: number | undefined }>((answered, failed) => {
      const sent = request(
        `${api.localUrl}/graphql`,
        { method: 'POST', agent, headers: { 'content-type': 'application/json', authorization: `Bearer ${api.key}` } },
        (response) => {
          const { localPort: port } = response.socket
          response.resume().on('end', () => answered({ status: response.statusCode, kept: String(response.headers['keep-alive']), port }))
        },
      )
      sent.on('error', failed)
      sent.end('{"query":"{ locales { code } }"}')
    })
  const first = await ask()
  expect(Number(/timeout=(\d+)/.exec(first.kept)?.[1])).toBeGreaterThan(65)
  await delay(7_000)
  expect(await ask()).toEqual({ ...first, status: 200 })
})
