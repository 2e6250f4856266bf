// A client of the mutations of revisions.
import type { createTestClient } from '../support/service.ts'

type Api = Pick<ReturnType<typeof createTestClient>, 'ask' | 'modelId'>

const revisionFields = `{
  id number status isCurrent isTerminal stage progress note completedAt createdBy { id }
  acousticModel { id } languageModel { id } failure { stage code message } verification { transcript webSocketTranscript } deployment { id }
}`

const result = (name: string) =>
  `__typename ... on Error { code message path } ... on ${name}Success { deployment { id status sequence } revision ${revisionFields} }`

const mutations = {
  redeployDeployment: 'RedeployDeployment',
  cancelRedeployment: 'CancelRedeployment',
  promoteRevision: 'PromoteRevision',
  rollbackDeployment: 'RollbackDeployment',
  updateTrial: 'UpdateTrial',
} as const

export interface RevisionChange {
  number: number
  status: string
  previousStatus: string | null
  stage: string | null
  currentNumber: number
  previousCurrentNumber: number | null
  isCurrent: boolean
}

/** The two pairs of base models, by scenario. */
export async function pairOf({ modelId }: Api, scenario: 'CONVERSATIONAL' | 'SEARCH_AND_DICTATION') {
  const [acousticModelId, languageModelId] = await Promise.all([modelId('ACOUSTIC', scenario), modelId('LANGUAGE', scenario)])
  return { acousticModelId, languageModelId }
}

export function revisionsOf(api: Api) {
  async function send(mutation: keyof typeof mutations, input: object): Promise<Record<string, any>> {
    const name = mutations[mutation]
    const { data, errors } = await api.ask(`mutation ($input: ${name}Input!) { ${mutation}(input: $input) { ${result(name)} } }`, { input })
    if (!data) throw new Error(JSON.stringify(errors))
    return data[mutation]
  }
  return {
    /** By default with the pair of conversations, since sample deployments have the other one. */
    async redeploy(deploymentId: string, input: object = {}) {
      return send('redeployDeployment', { deploymentId, ...(await pairOf(api, 'CONVERSATIONAL')), ...input })
    },
    cancel: (deploymentId: string) => send('cancelRedeployment', { deploymentId }),
    promote: (deploymentId: string, input: object = {}) => send('promoteRevision', { deploymentId, ...input }),
    rollback: (deploymentId: string, toRevision: number, input: object = {}) => send('rollbackDeployment', { deploymentId, toRevision, ...input }),
    updateTrial: (deploymentId: string, input: object) => send('updateTrial', { deploymentId, ...input }),

    async read(id: string): Promise<Record<string, any>> {
      const { data, errors } = await api.ask(
        `query ($id: ID!) { deployment(id: $id) {
          id status isServing isTerminal sequence acousticModel { id } languageModel { id } failure { code } verification { transcript }
          currentRevision ${revisionFields} pendingRevision ${revisionFields}
          revisions(first: 50) { totalCount nodes ${revisionFields} }
          canary { percent revision { number } } shadow { percent recordings words differingWords differingWordRate revision { number } }
          timeline(first: 100) { nodes { sequence status message isTerminal revision { number status previousStatus stage currentNumber previousCurrentNumber isCurrent } } }
        } }`,
        { id },
      )
      if (!data || errors) throw new Error(JSON.stringify(errors))
      return data['deployment']
    },
  }
}
