// A client that deploys the models of a deployment anew, again and again, while others speak to it.
import { setTimeout as delay } from 'node:timers/promises'
import type { House } from './house.ts'

const redeploy = `mutation ($input: RedeployDeploymentInput!) { redeployDeployment(input: $input) { __typename
  ... on RedeployDeploymentSuccess { revision { id } } ... on RedeploymentInProgressError { revision { id } } ... on Error { message } } }`
const read = `query ($id: ID!) { deployment(id: $id) { acousticModel { id } languageModel { id } } }`
const readRevision = 'query ($id: ID!) { node(id: $id) { ... on Revision { status isTerminal isCurrent failure { code message } } } }'

/** What is not answered is sent again with the same idempotency key. */
export async function startRedeployments({ ask }: House, httpUrl: string, pauseMs: number) {
  const deploymentId = Buffer.from(`Deployment:${new URL(httpUrl).searchParams.get('cid')}`).toString('base64')
  const { acousticModel, languageModel } = (await ask(read, { id: deploymentId })).data?.['deployment'] ?? {}
  const pair = { acousticModelId: acousticModel.id, languageModelId: languageModel.id }
  const stopping = new AbortController()
  const ends: string[] = []
  const tell = (query: string, variables: object) => ask(query, variables).catch(() => ({ data: undefined }))

  /** The id of the revision that the request created, or of one that another load left pending. */
  async function request(): Promise<string> {
    const input = { deploymentId, ...pair, idempotencyKey: crypto.randomUUID() }
    for (;;) {
      const id = (await tell(redeploy, { input })).data?.['redeployDeployment']?.revision?.id
      if (id) return id
      await delay(300)
    }
  }
  async function end(id: string): Promise<string> {
    for (;;) {
      const revision = (await tell(readRevision, { id })).data?.['node']
      if (revision?.isTerminal) return revision.failure ? `${revision.failure.code} ${revision.failure.message}` : revision.status
      await delay(300)
    }
  }
  const running = (async () => {
    while (!stopping.signal.aborted) {
      ends.push(await end(await request()))
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  })()
  return {
    /** The ends of all redeployments. */
    async stop() {
      stopping.abort()
      await running
      return ends
    },
  }
}
