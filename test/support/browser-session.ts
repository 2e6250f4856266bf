import { expect } from 'vitest'
import type { Service } from './service.ts'

/** The header that the dashboard sends with every request. */
export const own = { 'x-requested-with': 'dashboard' }

/** The requests of a browser with the dashboard. */
export function browserOf(service: () => Pick<Service, 'localUrl' | 'key'>) {
  const signIn = (key: unknown, headers: Record<string, string> = own) =>
    fetch(`${service().localUrl}/session`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ key }) })

  async function cookieFor(key = service().key): Promise<string> {
    const response = await signIn(key)
    expect(response.status).toBe(204)
    return response.headers.get('set-cookie')?.split(';')[0] ?? ''
  }

  const ask = (headers: Record<string, string>, path = '/graphql') =>
    fetch(service().localUrl + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"query":"{ viewer { key { name } } }"}',
    })

  const isIn = async (cookie: string, url = service().localUrl) =>
    (await fetch(`${url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', cookie, ...own }, body: '{"query":"{ __typename }"}' }))
      .status

  return { signIn, cookieFor, ask, isIn }
}
