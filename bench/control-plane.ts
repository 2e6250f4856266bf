import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import type { RunningService } from '../src/main.ts'
import { type Figure, median, milliseconds, percentile } from './table.ts'

const rounds = 12

/** From the create mutation to the first event, and to COMPLETE with the files on disk and a recognizer that is warm. */
export async function controlPlane(service: RunningService): Promise<Figure[]> {
  const authorization = `Bearer ${service.key}`
  const socket = createClient({
    url: `${service.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    lazy: false,
  })
  const ask = async (query: string, variables: object = {}) => {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization },
      body: JSON.stringify({ query, variables }),
    })
    return ((await response.json()) as { data: Record<string, any> }).data
  }
  const { models } = await ask('{ models { nodes { id kind scenario } } }')
  const find = (kind: string) =>
    models.nodes.find((model: { kind: string; scenario: string }) => model.kind === kind && model.scenario === 'SEARCH_AND_DICTATION').id
  const input = { locale: 'en-US', acousticModelId: find('ACOUSTIC'), languageModelId: find('LANGUAGE') }

  const [trivial, created, first, complete]: [number[], number[], number[], number[]] = [[], [], [], []]
  for (let round = 0; round < rounds; round++) {
    let started = performance.now()
    await ask('{ __typename }')
    trivial.push(performance.now() - started)

    started = performance.now()
    const { createDeployment } = await ask(
      'mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { ... on CreateDeploymentSuccess { deployment { id } } } }',
      { input: { ...input, name: `Bench ${round}` } },
    )
    created.push(performance.now() - started)
    const events = socket.iterate<{ deploymentStatusChanged: { status: string } }>({
      query: 'subscription ($id: ID!) { deploymentStatusChanged(deploymentId: $id) { ... on DeploymentStatusChange { status } } }',
      variables: { id: createDeployment.deployment.id },
    })
    let seen = 0
    for await (const { data } of events) {
      if (seen++ === 0) first.push(performance.now() - started)
      if (data?.deploymentStatusChanged.status === 'COMPLETE') complete.push(performance.now() - started)
    }
  }
  await socket.dispose()
  const beside = (values: number[]) => ({
    value: milliseconds(median(values)),
    baseline: `{ __typename } ${milliseconds(median(trivial))}`,
    ratio: (median(values) / median(trivial)).toFixed(1),
  })
  return [
    { what: 'create mutation, median', ...beside(created) },
    { what: 'create to first event, median', ...beside(first) },
    { what: 'create to COMPLETE, warm files, median', ...beside(complete.slice(1)) },
    { what: 'create to COMPLETE, warm files, p90', value: milliseconds(percentile(complete.slice(1), 0.9)) },
    { what: 'create to COMPLETE, the first', value: milliseconds(complete[0] ?? Number.NaN) },
  ]
}
