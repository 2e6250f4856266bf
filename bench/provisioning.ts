// The time from the commit of a job to its handler, and from the creation to COMPLETE by stage.

import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { openLog } from '../src/log.ts'
import type { RunningService } from '../src/main.ts'
import type { Job } from '../src/postgres/queue.ts'
import { openStore } from '../src/postgres/store.ts'
import { type Figure, median, milliseconds, percentile } from './table.ts'

const rounds = 40

/** The time from the commit of a job to the first line of its handler, beside a bare Postgres notification in the same run. */
export async function pickup(databaseUrl: string, dataDir: string): Promise<Figure[]> {
  const arrived = new Map<string, (at: number) => void>()
  const job: Job<{ id: string }> = { name: 'bench-pickup', payload: z.object({ id: z.string() }), key: ({ id }) => id, interruptions: 0 }
  const store = await openStore({ databaseUrl, dataDir }, [job], openLog('error'))
  const arrival = (id: string) => new Promise<number>((resolve) => arrived.set(id, resolve))
  await store.queue.work(job, 4, { run: async ({ id }) => arrived.get(id)?.(performance.now()), giveUp: async () => {} })

  const enqueue = async (id: string) => {
    const seen = arrival(id)
    await store.db.transaction((tx) => store.queue.enqueue(tx, job, { id }, { id: randomUUID(), priority: 0, delay: 0 }))
    const committed = performance.now()
    return (await seen) - committed
  }
  const single: number[] = []
  for (let n = 0; n < rounds; n++) {
    single.push(await enqueue(`single ${n}`))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const began = performance.now()
  const burst = await Promise.all(Array.from({ length: 100 }, (_, n) => enqueue(`burst ${n}`)))
  const burstMs = performance.now() - began

  const notices: number[] = []
  for (let n = 0; n < rounds; n++) {
    const { promise, resolve } = Promise.withResolvers<number>()
    const unwatch = store.events.watch('bench', () => resolve(performance.now()))
    const sent = performance.now()
    await store.db.execute("select pg_notify('custom_speech', 'bench')")
    notices.push((await promise) - sent)
    unwatch()
  }
  await store.close()
  const baseline = `a notification with its statement ${milliseconds(median(notices))}`
  return [
    { what: 'commit of a job to its handler, p50', value: milliseconds(median(single)), baseline },
    { what: 'commit of a job to its handler, p99', value: milliseconds(percentile(single, 0.99)) },
    { what: 'the same in a burst of 100, p99', value: milliseconds(percentile(burst, 0.99)) },
    { what: 'jobs a second in a burst of 100', value: String(Math.round(100_000 / burstMs)) },
  ]
}

/** The time of each stage from the creation to COMPLETE, by the clock of the log. */
export async function stages(service: RunningService): Promise<Figure[]> {
  const ask = async (query: string, variables: object = {}) => {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${service.key}` },
      body: JSON.stringify({ query, variables }),
    })
    return ((await response.json()) as { data: Record<string, any> }).data
  }
  const { models } = await ask('{ models { nodes { id kind scenario } } }')
  const find = (kind: string) => models.nodes.find((model: { kind: string; scenario: string }) => model.kind === kind && model.scenario === 'CONVERSATIONAL').id
  const input = { locale: 'en-US', acousticModelId: find('ACOUSTIC'), languageModelId: find('LANGUAGE') }
  const spent = new Map<string, number[]>()
  for (let round = 0; round < 10; round++) {
    const { createDeployment } = await ask(
      'mutation ($input: CreateDeploymentInput!) { createDeployment(input: $input) { ... on CreateDeploymentSuccess { deployment { id } } } }',
      { input: { ...input, name: `Stages ${round}` } },
    )
    const log = await untilComplete(ask, createDeployment.deployment.id)
    // The first deployment fetches and loads the models for the later ones.
    if (round === 0) continue
    for (const [n, { stage, status, occurredAt }] of log.entries()) {
      const next = log[n + 1]
      if (next) note(spent, stage ?? status, Date.parse(next.occurredAt) - Date.parse(occurredAt))
    }
    note(spent, 'all', Date.parse(log.at(-1)?.occurredAt ?? '') - Date.parse(log[0]?.occurredAt ?? ''))
  }
  return [...spent].map(([stage, values]) => ({ what: stage === 'all' ? 'create to COMPLETE, median' : `  in ${stage}`, value: milliseconds(median(values)) }))
}

interface Change {
  stage: string | null
  status: string
  occurredAt: string
}

function note(spent: Map<string, number[]>, stage: string, ms: number) {
  spent.set(stage, [...(spent.get(stage) ?? []), ms])
}

async function untilComplete(ask: (query: string, variables: object) => Promise<Record<string, any>>, id: string): Promise<Change[]> {
  for (;;) {
    const { deployment } = await ask('query ($id: ID!) { deployment(id: $id) { status timeline(first: 100) { nodes { stage status occurredAt } } } }', { id })
    if (deployment.status === 'COMPLETE') return deployment.timeline.nodes
    if (deployment.status === 'FAILED') throw new Error('a deployment of the bench failed')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
