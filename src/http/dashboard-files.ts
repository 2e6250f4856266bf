// The dashboard's files, kept in memory: the page at each of its paths, the hashed files under /assets/. For an unknown
// path, browsers receive the page with status 404; it shows a message and links.
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, relative } from 'node:path'
import { findBuild } from './dashboard-build.ts'
import { type Route, unknownPathRoute } from './listen.ts'
import { sendProblem } from './problem.ts'
import { createStaticFile, type StaticFile, sendStatic } from './static-file.ts'

const pages = /^\/(new|models|keys|deleted|compare|test-sets|(deployments|models|test-sets|evaluations)\/[\w=%-]+)?$/
const types: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Variants of the pages' paths that people type. */
const redirects = /^(?:(\/(?:new|models|keys|deleted|compare|test-sets|(?:deployments|models|test-sets|evaluations)\/[\w=%-]+))\/|\/deployments\/?)$/

interface DashboardFiles {
  /** The page, with placeholders for the nonce and the settings. */
  index: Buffer | undefined
  /** By path. */
  assets: Map<string, StaticFile>
}

const readOnly = { status: 405, code: 'METHOD_NOT_ALLOWED', message: 'Pages support GET and HEAD only. Use GET.', headers: { allow: 'GET, HEAD' } }

interface DashboardRoutes {
  route: Route
  /** Handles every path that no other route matches. */
  fallback: Route
}

/** Serves the dashboard. Until its build exists, its paths show a message and reload. `graphiql` adds a link to GraphiQL. */
export function createDashboardRoutes({ graphiql }: { graphiql: boolean }): DashboardRoutes {
  let files: DashboardFiles | undefined
  const isRead = (method = '') => method === 'GET' || method === 'HEAD'
  return {
    route: {
      name: 'dashboard',
      matches: (path) => pages.test(path) || redirects.test(path) || path.startsWith('/assets/') || path === '/icon.svg',
      async handle(request, response) {
        if (!isRead(request.method)) return sendProblem(response, readOnly)
        const { path, query } = splitUrl(request)
        const redirect = redirects.exec(path)
        if (redirect) return void response.writeHead(302, { location: `${wayToRoot(path)}${redirect[1]?.slice(1) ?? ''}${query}` }).end()
        files ??= await readBuild()
        if (!files) return sendUnbuilt(response)
        const file = files.assets.get(path)
        if (files.index && pages.test(path)) sendPage(response, files.index, path, { graphiql })
        else if (file) sendStatic(request, response, file)
        else response.writeHead(404, { 'content-type': 'text/plain' }).end('This file does not exist. Reload the page.\n')
      },
    },
    fallback: {
      name: 'unknown',
      matches: () => true,
      continuesItself: true,
      async handle(request, response) {
        const isPerson = isRead(request.method) && request.headers.accept?.includes('text/html')
        if (isPerson) files ??= await readBuild()
        const page = isPerson && files?.index
        if (page) sendPage(response, page, splitUrl(request).path, { graphiql, status: 404 })
        else unknownPathRoute.handle(request, response)
      },
    },
  }
}

function splitUrl({ url = '/' }: IncomingMessage): { path: string; query: string } {
  const at = url.indexOf('?')
  return at < 0 ? { path: url, query: '' } : { path: url.slice(0, at), query: url.slice(at) }
}

async function readBuild(): Promise<DashboardFiles | undefined> {
  const dir = await findBuild()
  if (!dir) return undefined
  const entries = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const paths = entries.map((entry) => join(entry.parentPath, entry.name))
  const bodies = new Map(await Promise.all(paths.map(async (path) => [`/${relative(dir, path)}`, await readFile(path)] as const)))
  const assets: DashboardFiles['assets'] = new Map()
  for (const [path, body] of bodies) {
    const type = types[extname(path)]
    if (!type) continue
    const [br, gzip] = [bodies.get(`${path}.br`), bodies.get(`${path}.gz`)]
    const caching = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'public, max-age=3600'
    assets.set(path, createStaticFile(body, { 'content-type': type, 'cache-control': caching }, { ...(br && { br }), ...(gzip && { gzip }) }))
  }
  return { index: bodies.get('/index.html'), assets }
}

/** Allows the dashboard's own files only. The nonce is for the style elements that the dialogs create. */
const policy = (nonce: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src 'self' data:",
    'media-src blob:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

/** The relative URL of the root: "./" for /models, "../" for /deployments/x. A proxy can remove a prefix that the browser still sees. */
const wayToRoot = (path: string) => '../'.repeat(path.split('/').length - 2) || './'

function sendPage(response: ServerResponse, page: Buffer, path: string, { graphiql, status = 200 }: { graphiql: boolean; status?: number }) {
  const nonce = randomBytes(16).toString('base64')
  const body = page
    .toString()
    .replaceAll('"./', `"${wayToRoot(path)}`)
    .replace('__NONCE__', nonce)
    .replace('__GRAPHIQL__', graphiql ? 'on' : 'off')
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'content-security-policy': policy(nonce),
    'permissions-policy': 'microphone=(self)',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': 'no-store',
  })
  response.end(body)
}

function sendUnbuilt(response: ServerResponse) {
  response
    .writeHead(503, { 'content-type': 'text/html; charset=utf-8', refresh: '2' })
    .end(
      '<!doctype html><title>custom-speech</title><p>The dashboard is not built yet. &quot;npm start&quot; builds it in a few seconds, or run &quot;npm run build&quot;. This page reloads automatically.</p>',
    )
}
