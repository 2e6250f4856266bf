// The server of the soak: a separate process with an empty data directory.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const startMs = 120_000

export interface SoakServer {
  url: string
  key: string
  /** Null while the server runs. */
  exitCode(): number | null
  /** The lines of its error log. */
  errors(): string[]
  /** The process ids of its children whose command line matches. */
  findChildren(program: RegExp): number[]
  /** The metrics for Prometheus; empty when the server does not answer. */
  readMetrics(): Promise<string>
  /** Creates a deployment of base models; resolves with its WebSocket URL. */
  deploy(scenario: string): Promise<string>
  /** Stops the server and deletes its data. */
  close(): Promise<void>
}

export async function startSoakServer(): Promise<SoakServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'custom-speech-soak-'))
  await chmod(dataDir, 0o755)
  const server = spawn(process.execPath, [resolve(import.meta.dirname, '../../src/cli/custom-speech.mjs'), 'serve'], {
    env: { PATH: process.env.PATH, PORT: '0', DATA_DIR: join(dataDir, 'data'), LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, errors] = ['', '']
  server.stdout.on('data', (chunk) => {
    output += chunk
  })
  server.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const { url, key } = await waitUntilReady()

  async function waitUntilReady(): Promise<{ url: string; key: string }> {
    const deadline = performance.now() + startMs
    while (server.exitCode === null && performance.now() < deadline) {
      const found = /Try it +(\S+)\/\s/.exec(output)
      if (found?.[1]) return { url: found[1], key: readFileSync(join(dataDir, 'data/bootstrap-key'), 'utf8').trim() }
      await delay(50)
    }
    server.kill()
    throw new Error(`the server did not start: ${output}${errors}`)
  }

  return {
    url,
    key,
    exitCode: () => server.exitCode,
    errors: () => errors.split('\n').filter(Boolean),
    findChildren: (program) => findChildren(server.pid ?? 0, program),
    readMetrics: () =>
      fetch(`${url}/metrics`).then(
        (response) => response.text(),
        () => '',
      ),
    deploy: (scenario) => deploy(url, key, scenario),
    async close() {
      server.kill('SIGTERM')
      if (server.exitCode === null) await new Promise((done) => server.once('exit', done))
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

function findChildren(pid: number, program: RegExp): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  return children.filter((child) => program.test(readFileSync(`/proc/${child}/cmdline`, 'utf8'))).map(Number)
}

/** Creates a deployment of base models; resolves with its WebSocket URL. */
export async function deploy(url: string, key: string, scenario: string): Promise<string> {
  const ask = async (query: string, variables: object = {}): Promise<any> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ query, variables }),
    })
    return ((await response.json()) as { data: any }).data
  }
  const { models } = await ask('{ models(first: 100) { nodes { id kind scenario } } }')
  const idOf = (kind: string) => models.nodes.find((one: any) => one.kind === kind && one.scenario === scenario).id
  const input = { name: scenario, locale: 'en-US', acousticModelId: idOf('ACOUSTIC'), languageModelId: idOf('LANGUAGE') }
  const created = await ask(
    'mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { ... on CreateDeploymentSuccess { deployment { id } } } }',
    { input },
  )
  const { id } = created.createDeployment.deployment
  for (;;) {
    const { deployment } = await ask('query ($id: ID!) { deployment(id: $id) { status endpoint { webSocketUrl } } }', { id })
    if (deployment.endpoint) return deployment.endpoint.webSocketUrl
    if (deployment.status === 'FAILED') throw new Error('the deployment failed')
    await delay(100)
  }
}
