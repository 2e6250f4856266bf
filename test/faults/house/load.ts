// What clients do with a house meanwhile: watch everything, create deployments, redeploy one, speak to it.
import { setTimeout as delay } from 'node:timers/promises'
import { createTestClient, type StatusChange } from '../../support/service.ts'
import { until } from '../../support/until.ts'
import { readTimeline } from '../roles.ts'
import type { House } from './house.ts'
import { startRedeployments } from './redeployments.ts'
import { startSpeaker } from './speaker.ts'

const create = `mutation ($input: CreateDeploymentInput!) {
  createDeployment(input: $input) { __typename ... on CreateDeploymentSuccess { deployment { id } } ... on Error { message } }
}`

/** Creates one deployment after the other. What is not answered is sent again with the same idempotency key, as clients do. */
async function startCreations({ ask, sampleInput }: House, pauseMs: number) {
  const input = await sampleInput()
  const stopping = new AbortController()
  const acknowledged: string[] = []
  const refusals: string[] = []
  const creating = (async () => {
    for (let n = 0; !stopping.signal.aborted; n++) {
      const wanted = { ...input, name: `Trickle ${n} ${crypto.randomUUID().slice(0, 8)}`, idempotencyKey: crypto.randomUUID() }
      for (let id: string | undefined; !id; ) {
        const answer = await ask(create, { input: wanted }).catch((error) => ({ data: undefined, errors: [{ message: String(error) }] }))
        id = answer.data?.['createDeployment'].deployment?.id
        if (id) acknowledged.push(id)
        else {
          refusals.push(answer.errors?.[0]?.message ?? answer.data?.['createDeployment'].message)
          await delay(300)
        }
      }
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  })()
  return {
    acknowledged,
    async stop() {
      stopping.abort()
      await creating
      return { acknowledged, refusals }
    },
  }
}

/** A client that watches all deployments and resumes with its last cursor after each end of its connection. */
function startWatcher(house: House, after: string) {
  const client = createTestClient(house.url, house.key)
  const changes: StatusChange[] = []
  let isOver = false
  let reconnections = -1
  const watching = (async () => {
    while (!isOver) {
      reconnections++
      try {
        for await (const change of client.watchAll({ after: changes.at(-1)?.cursor ?? after })) changes.push(change)
      } catch {}
      await delay(300)
    }
  })()
  return {
    changes,
    async stop() {
      isOver = true
      await client.dispose()
      await watching
      return reconnections
    },
  }
}

export type Load = Awaited<ReturnType<typeof startLoad>>

export async function startLoad(
  house: House,
  { httpUrl, webSocketUrl }: { httpUrl: string; webSocketUrl: string },
  { watchers = 50, speakers = 2, pauseMs = 3_000 } = {},
) {
  const after = (await house.ask('{ deployments(first: 1) { changesCursor } }')).data?.['deployments'].changesCursor as string
  const watching = Array.from({ length: watchers }, () => startWatcher(house, after))
  const speaking = await Promise.all(Array.from({ length: speakers }, () => startSpeaker(webSocketUrl, house.key)))
  const creating = await startCreations(house, pauseMs)
  const redeploying = await startRedeployments(house, httpUrl, pauseMs)
  return {
    acknowledged: creating.acknowledged,
    /** Waits for the ends of all deployments, and compares what each client saw with what is stored. */
    async stop() {
      const redeployed = await redeploying.stop()
      const spoken = await Promise.all(speaking.map((speaker) => speaker.stop()))
      const { acknowledged, refusals } = await creating.stop()
      const logs = new Map<string, number[]>()
      const ends = new Map<string, string>()
      for (const id of acknowledged) {
        let found: Awaited<ReturnType<typeof readTimeline>> | undefined
        await until(async () => {
          found = await readTimeline(house, id).catch(() => undefined)
          // The status is read before the log.
          return found === null || ['COMPLETE', 'FAILED', 'CANCELED'].includes(found?.status ?? '')
        }, 90_000)
        if (!found) continue
        logs.set(
          id,
          found.timeline.nodes.map(({ sequence }) => sequence),
        )
        ends.set(id, found.failure ? `${found.status} ${found.failure.code} ${found.failure.message}` : found.status)
      }
      const stored = [...logs.values()].reduce((sum, { length }) => sum + length, 0)
      const ofLogs = ({ changes }: { changes: StatusChange[] }) => changes.filter(({ deploymentId }) => logs.has(deploymentId))
      await until(() => watching.every((one) => ofLogs(one).length >= stored), 10_000).catch(() => {})
      const reconnections = (await Promise.all(watching.map((watcher) => watcher.stop()))).reduce((sum, count) => sum + count, 0)
      let [lost, doubled, disordered] = [0, 0, 0]
      for (const watcher of watching) {
        const seen = Map.groupBy(ofLogs(watcher), ({ deploymentId }) => deploymentId)
        for (const [id, sequences] of logs) {
          const numbers = (seen.get(id) ?? []).map(({ sequence }) => sequence)
          lost += sequences.filter((sequence) => !numbers.includes(sequence)).length
          doubled += numbers.length - new Set(numbers).size
          disordered += numbers.filter((number, n) => n > 0 && number <= (numbers[n - 1] ?? 0)).length
        }
      }
      return {
        acknowledged: acknowledged.length,
        acknowledgedLost: acknowledged.length - ends.size,
        refusals,
        redeployments: redeployed.length,
        unfinished: [...ends.values(), ...redeployed].filter((end) => end !== 'COMPLETE'),
        events: stored * watchers,
        eventsLost: lost,
        eventsDoubled: doubled,
        eventsDisordered: disordered,
        reconnections,
        sentences: spoken.reduce((sum, { sentences }) => sum + sentences, 0),
        phrases: spoken.reduce((sum, { phrases }) => sum + phrases, 0),
        wrongWords: spoken.reduce((sum, { wrongWords }) => sum + wrongWords, 0),
        problems: spoken.flatMap(({ problems }) => problems),
      }
    },
  }
}

export const nothingLost = {
  acknowledgedLost: 0,
  unfinished: [],
  eventsLost: 0,
  eventsDoubled: 0,
  eventsDisordered: 0,
  wrongWords: 0,
  problems: [],
}

/** What is printed of a report. */
export const figuresOf = (report: Awaited<ReturnType<Load['stop']>>) => ({
  'creations acknowledged': report.acknowledged,
  lost: report.acknowledgedLost,
  'refused and repeated': report.refusals.length,
  redeployments: report.redeployments,
  events: report.events,
  'lost or doubled': report.eventsLost + report.eventsDoubled,
  reconnections: report.reconnections,
  sentences: report.sentences,
  'words lost': report.wrongWords,
})
