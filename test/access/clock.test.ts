// Processes whose clocks differ from that of Postgres.
import { afterEach, expect, test, vi } from 'vitest'
import { connect } from '../support/graphql-socket.ts'
import { startTestService } from '../support/service.ts'

afterEach(() => void vi.useRealTimers())

test.each([
  ['ahead', 1],
  ['behind', -1],
])('a process whose clock is an hour %s creates keys, ends them in time, and issues tokens that last ten minutes', async (_, sign) => {
  const [real, realAt] = [Date.now(), performance.now()]
  const now = () => real + performance.now() - realAt
  vi.setSystemTime(real + sign * 3_600_000)
  const api = await startTestService()
  const expiresAt = now() + 3_000
  const input = { name: 'Short', scopes: ['READ'], expiresAt: new Date(expiresAt).toISOString() }
  const { data } = await api.ask('mutation ($input: CreateKeyInput!) { createKey(input: $input) { ... on CreateKeySuccess { secret } } }', { input })
  const socket = await connect({ localUrl: api.localUrl, key: data?.['createKey'].secret })
  await socket.close()
  expect(now()).toBeGreaterThanOrEqual(expiresAt)

  const token = await (await api.post(`${api.localUrl}/sts/v1.0/issueToken`, '')).text()
  const claims = JSON.parse(Buffer.from(token.slice(4).split('.')[0] ?? '', 'base64url').toString())
  expect(Math.abs(claims.expiresAt - now() - 600_000)).toBeLessThan(60_000)
  const listed = await fetch(`${api.localUrl}/v1/models`, { headers: { authorization: `Bearer ${token}` } })
  expect(listed.status).toBe(200)
})
