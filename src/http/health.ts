import { version } from '../version.ts'
import type { Route } from './listen.ts'

/** Liveness: the process answers, with its version. */
export const healthRoute: Route = {
  name: '/health',
  matches: (path) => path === '/health',
  handle: (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify({ status: 'alive', version })}\n`),
}
