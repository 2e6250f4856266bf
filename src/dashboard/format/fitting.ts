// Finds the models that fit the chosen one, by the server's preflight.
import { useEffect, useState } from 'react'
import { type Client, useClient } from 'urql'
import { type CreateDeploymentInput, type ModelEntryFragment, PreflightDocument, type PreflightQuery } from '../gql/graphql.ts'
import { toWord } from './words.ts'

type PreflightProblem = PreflightQuery['deploymentPreflight']['problems'][number]
type IncompatibleModels = Extract<PreflightProblem, { __typename: 'IncompatibleModelsError' }>

/** The reasons why models do not fit the chosen one, by the id of the model. */
export type Misfits = ReadonlyMap<string, string>

/** The reason why a model cannot be deployed at all; undefined when it can. */
export function whyUnavailable({ status, stage, progress, isReady, isLicenseAccepted, failure }: ModelEntryFragment): string | undefined {
  if (!isLicenseAccepted) return 'Accept the license below first.'
  if (isReady) return undefined
  if (failure) return `Building failed: ${failure.message}`
  if (status === 'CANCELED') return 'Building was canceled. Retry the model on the Models page.'
  const doing = stage ? `${toWord(stage)}, ${Math.round(progress * 100)} %` : 'Waiting for a worker'
  return `The model is still being built. You can choose it when it is ready. ${doing}.`
}

const none: Misfits = new Map()

/** Compares the chosen model with each of the others. Problems of other kinds are ignored. */
export function useMisfits(locale: string | undefined, chosen: ModelEntryFragment | undefined, others: readonly ModelEntryFragment[]): Misfits {
  const api = useClient()
  const [misfits, setMisfits] = useState(none)
  useEffect(() => {
    if (!locale || !chosen) return setMisfits(none)
    let isCurrent = true
    void findMisfits(api, locale, chosen, others).then((found) => isCurrent && setMisfits(found))
    return () => {
      isCurrent = false
    }
  }, [api, locale, chosen, others])
  return misfits
}

/** All models of a scenario give the same result, so one preflight per scenario is enough. */
async function findMisfits(api: Client, locale: string, chosen: ModelEntryFragment, others: readonly ModelEntryFragment[]): Promise<Misfits> {
  const samples = [...new Map(others.map((model) => [model.scenario, model])).values()]
  const found = new Map<string, string>()
  await Promise.all(
    samples.map(async (sample) => {
      const problem = await findIncompatible(api, { name: 'preflight', locale, ...pair(chosen, sample) })
      if (!problem) return
      const fitting = new Set((chosen.kind === 'ACOUSTIC' ? problem.compatibleLanguageModels : problem.compatibleAcousticModels).map(({ id }) => id))
      for (const other of others) if (other.scenario === sample.scenario && !fitting.has(other.id)) found.set(other.id, explain(problem, chosen, other))
    }),
  )
  return found
}

const pair = (one: ModelEntryFragment, other: ModelEntryFragment) =>
  one.kind === 'ACOUSTIC' ? { acousticModelId: one.id, languageModelId: other.id } : { acousticModelId: other.id, languageModelId: one.id }

async function findIncompatible(api: Client, input: CreateDeploymentInput): Promise<IncompatibleModels | undefined> {
  const { data } = await api.query(PreflightDocument, { input }, { requestPolicy: 'network-only' })
  return data?.deploymentPreflight.problems.find((problem) => problem.__typename === 'IncompatibleModelsError')
}

function explain(problem: IncompatibleModels, chosen: ModelEntryFragment, other: ModelEntryFragment): string {
  if (problem.reason !== 'SCENARIO_MISMATCH') return problem.message
  return `This model is for ${toWord(other.scenario)}, which does not mix with ${toWord(chosen.scenario)}. To use it, choose the other model for ${toWord(other.scenario)} first.`
}

/** The problems with which `createDeployment` would refuse the input now. The preflight is sent when the input has not changed for 300 ms. */
export function usePreflight(input: CreateDeploymentInput | undefined): readonly PreflightProblem[] {
  const api = useClient()
  const [problems, setProblems] = useState<readonly PreflightProblem[]>([])
  const text = input && JSON.stringify(input)
  useEffect(() => {
    if (!text) return setProblems([])
    let isCurrent = true
    const timer = setTimeout(async () => {
      const { data } = await api.query(PreflightDocument, { input: JSON.parse(text) as CreateDeploymentInput }, { requestPolicy: 'network-only' })
      if (isCurrent) setProblems(data?.deploymentPreflight.problems ?? [])
    }, 300)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [api, text])
  return problems
}
