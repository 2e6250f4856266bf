// The servers of the GraphQL bench, each in its process: the product and the peers of bench/peers.
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Documents, documents, type Operation, postgraphileDocuments } from './documents.ts'
import type { Rows, Workspace } from './rows.ts'

export interface Server {
  name: string
  url: string
  pid: number
  toHeaders(workspace: Workspace): Record<string, string>
  toBodies(operation: Operation, rows: Rows): string[]
  /** The value of a field as it is compared with that of the product. */
  toComparable(field: string, value: unknown): unknown
}

const peersDir = join(import.meta.dirname, '../peers')
const publicUrl = 'https://speech.example.org'

const peers = [
  { name: 'by hand', file: 'by-hand.mjs' },
  { name: 'mercurius + jit', file: 'mercurius.mjs' },
  { name: 'yoga + Pothos + DataLoader', file: 'yoga.mjs' },
  { name: 'Apollo Server 5', file: 'apollo.mjs' },
  { name: 'PostGraphile 5', file: 'postgraphile.mjs' },
]
export const byHand = 'by hand'
export const ours = 'custom-speech'

/** Their packages are not in the project's lock file. */
export function installPeers() {
  if (existsSync(join(peersDir, 'node_modules/.package-lock.json'))) return
  console.log('The servers of bench/peers are not installed. Running "npm ci --prefix bench/peers" once …')
  execFileSync('npm', ['ci', '--ignore-scripts', '--prefix', peersDir], { stdio: 'inherit' })
}

export interface OpenServers {
  product: Server & { key: string }
  peers: Server[]
  close(): Promise<void>
}

export async function openServers(settings: NodeJS.ProcessEnv & { DATABASE_URL: string }): Promise<OpenServers> {
  const opened: ChildProcess[] = []
  const open = async (file: string, env: NodeJS.ProcessEnv) => {
    const child = fork(file, { env: { ...process.env, NODE_ENV: 'production', PUBLIC_URL: publicUrl, ...env } })
    opened.push(child)
    const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${file} ended with the code ${code} before it listened.`)))
    const [said] = (await Promise.race([once(child, 'message'), ended])) as [{ url: string; key: string }]
    return { ...said, url: `${said.url}/graphql`, pid: child.pid ?? 0 }
  }
  const product = await open(join(import.meta.dirname, '../fan-out-server.ts'), { ...settings, ROLES: 'api' })
  const shared = { toBodies: bodiesOf(documents, toProductId), toComparable: asIs }
  const others: Server[] = []
  for (const { name, file } of peers) {
    const isPostgraphile = file === 'postgraphile.mjs'
    const differing = isPostgraphile ? { toBodies: bodiesOf(postgraphileDocuments, toPostgraphileId), toComparable: withoutFormat } : shared
    others.push({
      name,
      ...(await open(join(peersDir, file), { DATABASE_URL: settings.DATABASE_URL })),
      ...differing,
      toHeaders: ({ id }) => ({ 'x-workspace': id }),
    })
  }
  return {
    product: { name: ours, ...product, ...shared, toHeaders: ({ key }) => ({ authorization: `Bearer ${key}` }) },
    peers: others,
    async close() {
      for (const child of opened.filter(({ exitCode }) => exitCode === null)) {
        child.kill()
        await once(child, 'exit')
      }
    },
  }
}

const asIs = (_: string, value: unknown) => value

/** PostGraphile has other ids and cursors, and writes times as Postgres does. */
function withoutFormat(field: string, value: unknown): unknown {
  if (typeof value !== 'string' || value === '') return value
  if (field === 'id' || field === 'endCursor') return 'any'
  return field === 'createdAt' || field === 'updatedAt' ? new Date(value).toISOString() : value
}

const toProductId = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64')
const toPostgraphileId = (type: string, id: string) => (type === 'Deployment' ? Buffer.from(JSON.stringify([type, id])).toString('base64') : id)

function bodiesOf(documents: Documents, toId: (type: string, id: string) => string) {
  return (operation: Operation, { deployments, models, workspaces: [first] }: Rows): string[] => {
    const toBody = (variables: object) => JSON.stringify({ operationName: operation, query: documents[operation], variables })
    if (operation === 'Single') return deployments.map((id) => toBody({ id: toId('Deployment', id) }))
    if (operation === 'Create') {
      const [acousticModelId, languageModelId] = [toId('AcousticModel', models.acoustic), toId('LanguageModel', models.language)]
      return [toBody({ input: { name: 'Made %n', locale: 'en-US', acousticModelId, languageModelId } })]
    }
    return [toBody(documents[operation].includes('$workspace') ? { workspace: first?.id } : {})]
  }
}
