import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Route, unknownPathRoute } from '../http/listen.ts'
import { packStaticFile, type StaticFile, sendStatic } from '../http/static-file.ts'

const options = {
  title: 'GraphiQL – custom-speech',
  // Server-Sent Events carry the headers of the editor's pane, which WebSockets cannot.
  subscriptionsProtocol: 'SSE' as const,
  defaultQuery: `# Press the play button. Then create a deployment with createDeployment and watch it
# with deploymentStatusChanged; the schema on the left describes every field.
query Models {
  models {
    nodes { id kind name locale scenario }
  }
  deployments {
    nodes { id name status endpoint { httpUrl webSocketUrl } }
  }
}
`,
}

/**
 * Moves the key from the link's fragment, which browsers never send, to the storage of the tab, and clears the address
 * bar. Every request of the page carries the key. Without a key, the session of the dashboard applies.
 */
const signIn = `(() => {
  const linked = new URLSearchParams(location.hash.slice(1)).get('key')
  if (linked) {
    sessionStorage.setItem('custom-speech-key', linked)
    history.replaceState(null, '', location.pathname + location.search)
  }
  const key = sessionStorage.getItem('custom-speech-key')
  // A long subscription does not fit into the URL of a GET request.
  return { method: 'POST', additionalHeaders: { 'x-requested-with': 'graphiql', ...(key && { authorization: 'Bearer ' + key }) } }
})()`

/** Scripts come only from this server. The editor needs inline styles, and data URLs for its icons and fonts. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const assetsPath = '/graphiql/'
const script = { 'content-type': 'text/javascript; charset=utf-8' }
const style = { 'content-type': 'text/css; charset=utf-8' }
/** The name of each file contains its hash. */
const immutable = { 'cache-control': 'public, max-age=31536000, immutable' }

export interface GraphiQL {
  /** Sends the page. The page and its files need no key. */
  sendPage(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** The page's files. */
  route: Route
}

/** GraphiQL with all of its files, so that it works without the internet. The files are read and compressed at the first request. */
export function createGraphiQL(): GraphiQL {
  let reading: Promise<GraphiQLFiles> | undefined
  const read = () => {
    reading ??= readFiles()
    // After a failure, the next request reads again.
    reading.catch(() => {
      reading = undefined
    })
    return reading
  }
  return {
    async sendPage(request, response) {
      sendStatic(request, response, (await read()).page)
    },
    route: {
      name: '/graphiql',
      matches: (path) => path.startsWith(assetsPath),
      async handle(request, response) {
        const isRead = request.method === 'GET' || request.method === 'HEAD'
        const file = isRead ? (await read()).assets.get(request.url?.split('?')[0] ?? '') : undefined
        if (file) sendStatic(request, response, file)
        else await unknownPathRoute.handle(request, response)
      },
    },
  }
}

/** True for a browser that opens a page. */
export const isPage = ({ method, headers }: IncomingMessage) => (method === 'GET' || method === 'HEAD') && Boolean(headers.accept?.includes('text/html'))

interface GraphiQLFiles {
  page: StaticFile
  /** By path. */
  assets: Map<string, StaticFile>
}

async function readFiles(): Promise<GraphiQLFiles> {
  const { css, editorWorkerService, graphqlWorker, js, jsonWorker } = await import('@graphql-yoga/render-graphiql/graphiql')
  const assets: GraphiQLFiles['assets'] = new Map()
  /** Adds a file and returns its URL relative to the page, because a proxy can serve both under a prefix. */
  const add = async (name: string, extension: string, content: string, headers: Record<string, string>) => {
    const file = await packStaticFile(content, { ...headers, ...immutable })
    const path = `${assetsPath}${name}-${file.hash}.${extension}`
    assets.set(path, file)
    return path.slice(1)
  }
  const workers = {
    editorWorkerService: await add('editor-worker', 'js', editorWorkerService, script),
    json: await add('json-worker', 'js', jsonWorker, script),
    graphql: await add('graphql-worker', 'js', graphqlWorker, script),
  }
  const styles = await add('graphiql', 'css', css, style)
  const program = await add('graphiql', 'js', `${js};\n${writeStart(workers)}`, script)
  const html = writePage(program, styles)
  return {
    page: await packStaticFile(html, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy, 'cache-control': 'no-cache' }),
    assets,
  }
}

/** The script that starts GraphiQL. The package has the same script in its page. */
const writeStart = (workers: Record<string, string>) => `(() => {
  const workers = ${JSON.stringify(workers)}
  self.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_, label) => workers[label] }
  YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), { ...${JSON.stringify(options)}, ...${signIn} })
})()
`

const writePage = (program: string, styles: string) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>${options.title}</title>
    <link rel="icon" href="icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="${styles}">
    <script src="${program}" defer></script>
  </head>
  <body id="body" class="no-focus-outline">
    <noscript>Enable JavaScript to use GraphiQL.</noscript>
    <div id="root"></div>
    <a href="./" style="position: fixed; right: 1rem; bottom: .5rem; z-index: 10; padding: .25rem .5rem; font: .8rem sans-serif; color: inherit">Dashboard</a>
  </body>
</html>
`
