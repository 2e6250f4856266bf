import type { ServerResponse } from 'node:http'
import { version } from '../version.ts'
import type { Route } from './listen.ts'

/** Liveness: the process answers, with its version. */
export const healthRoute: Route = {
  matches: (path) => path === '/health',
  handle: (_, response) => sendStatus(response, 200, { status: 'alive', version }),
}

/** Readiness: `check` of every part resolves. */
export const readyRoute = (parts: Record<string, { check(): Promise<unknown> }>): Route => ({
  matches: (path) => path === '/ready',
  async handle(_, response) {
    const checked = await Promise.all(Object.entries(parts).map(async ([name, part]) => [name, await isReady(part)] as const))
    const areReady = checked.every(([, ready]) => ready)
    sendStatus(response, areReady ? 200 : 503, { status: areReady ? 'ready' : 'not ready', ...Object.fromEntries(checked) })
  },
})

const isReady = async (part: { check(): Promise<unknown> }) => {
  try {
    await part.check()
    return true
  } catch {
    return false
  }
}

function sendStatus(response: ServerResponse, status: number, value: object) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`)
}
