// The switch between two revisions as clients see it, and the memory of both.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { RunningService } from '../src/main.ts'
import { type Figure, median, milliseconds, percentile } from './table.ts'

const rollbacks = 100
const recording = resolve(import.meta.dirname, '../src/catalog/reference/en-US.wav')

const start = 'redeployDeployment(input: $input) { ... on RedeployDeploymentSuccess { revision { number } } ... on Error { message } }'
const back = 'rollbackDeployment(input: $input) { ... on RollbackDeploymentSuccess { revision { number } } ... on Error { message } }'

/** Rolls a deployment forth and back. After each switch, the next request is answered by the new revision. */
export async function redeploy(service: RunningService): Promise<Figure[]> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${service.key}` }
  const ask = async (query: string, variables: object = {}) => {
    const response = await fetch(`${service.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
    return ((await response.json()) as { data: Record<string, any> }).data
  }
  const { models } = await ask('{ models(where: { locale: "en-US" }) { nodes { id kind scenario } } }')
  const pairOf = (scenario: string) => {
    const find = (kind: string) => models.nodes.find((model: { kind: string; scenario: string }) => model.kind === kind && model.scenario === scenario).id
    return { acousticModelId: find('ACOUSTIC'), languageModelId: find('LANGUAGE') }
  }
  const read = async (id: string) =>
    (await ask('query ($id: ID!) { deployment(id: $id) { status endpoint { httpUrl } currentRevision { number } pendingRevision { number } } }', { id }))[
      'deployment'
    ]
  const until = async (id: string, isDone: (deployment: Record<string, any>) => boolean) => {
    for (;;) {
      const deployment = await read(id)
      if (isDone(deployment)) return deployment
      await new Promise((done) => setTimeout(done, 20))
    }
  }
  const memory = async () => {
    const figures = await (await fetch(`${service.url}/metrics`)).text()
    return Number(/^custom_speech_recognizer_memory_bytes (\S+)$/m.exec(figures)?.[1]) / 2 ** 20
  }

  const { createDeployment } = await ask(
    'mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { ... on CreateDeploymentSuccess { deployment { id } } } }',
    { input: { name: 'Redeployed', locale: 'en-US', ...pairOf('SEARCH_AND_DICTATION') } },
  )
  const deploymentId: string = createDeployment.deployment.id
  const { endpoint } = await until(deploymentId, ({ status }) => status === 'COMPLETE')
  const audio = await readFile(recording)
  const post = async (): Promise<{ ms: number; revision: number }> => {
    const began = performance.now()
    const response = await fetch(endpoint.httpUrl, { method: 'POST', headers: { 'Ocp-Apim-Subscription-Key': service.key }, body: audio })
    await response.arrayBuffer()
    if (!response.ok) throw new Error('a request was refused')
    return { ms: performance.now() - began, revision: Number(response.headers.get('x-revision')) }
  }
  for (let n = 0; n < 5; n++) await post()
  const one = await memory()
  const before = performance.now()
  const { redeployDeployment } = await ask(`mutation ($input: RedeployDeploymentInput!) { ${start} }`, { input: { deploymentId, ...pairOf('CONVERSATIONAL') } })
  if (!redeployDeployment.revision) throw new Error(redeployDeployment.message)
  await until(deploymentId, ({ pendingRevision, currentRevision }) => pendingRevision === null && currentRevision.number === 2)
  const redeployed = performance.now() - before
  for (let n = 0; n < 5; n++) await post()
  const two = await memory()

  const usual: number[] = []
  const first: number[] = []
  const switches: number[] = []
  for (let n = 0; n < rollbacks; n++) {
    const toRevision = n % 2 === 0 ? 1 : 2
    const began = performance.now()
    const { rollbackDeployment } = await ask(`mutation ($input: RollbackDeploymentInput!) { ${back} }`, { input: { deploymentId, toRevision } })
    if (!rollbackDeployment.revision) throw new Error(rollbackDeployment.message)
    switches.push(performance.now() - began)
    const answer = await post()
    if (answer.revision !== toRevision) throw new Error('the next request was answered by the previous revision')
    first.push(answer.ms)
    usual.push((await post()).ms)
  }
  return [
    { what: 'redeployment with its proof', value: milliseconds(redeployed) },
    { what: 'rollback, p50', value: milliseconds(median(switches)) },
    { what: 'rollback, p99', value: milliseconds(percentile(switches, 0.99)) },
    {
      what: 'the first request after a switch, median',
      value: milliseconds(median(first)),
      baseline: `the next request ${milliseconds(median(usual))}`,
      ratio: (median(first) / median(usual)).toFixed(2),
    },
    {
      what: 'memory of the recognizers with both revisions',
      value: `${two.toFixed(0)} MB`,
      baseline: `with one ${one.toFixed(0)} MB`,
      ratio: (two / one).toFixed(2),
    },
  ]
}
