// What tests of test sets and evaluations share: mutations, uploads, and the wait for the end of a job.
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import { makeZip, modelsOf } from '../support/models.ts'
import type { Service } from '../support/service.ts'

const errors = '... on Error { __typename code message path }'
const failure = 'failure { code message }'
const testSetFields = `id name description locale status isTerminal progress message failure { code message problems } itemCount durationSeconds words
  items(first: 100) { totalCount nodes { number name transcript durationSeconds audioUrl } }`
const evaluationFields = `id status isTerminal progress message ${failure} testSet { id } deployment { id } revision acousticModel { id } languageModel { id }
  result { utterances words errors substitutions deletions insertions wordErrorRate wordErrorRateInterval { low high } sentenceErrors sentenceErrorRate
    audioSeconds realTimeFactor confusions { said heard times } }`
const itemFields = `items(first: 10) { totalCount nodes { item { number name transcript } text words errors substitutions deletions insertions recognitionMs
  alignment { op reference hypothesis } } }`

export function evaluationsOf(api: Pick<Service, 'ask' | 'localUrl' | 'key' | 'modelId'>) {
  const run = async (operation: string, declared: string, variables: object): Promise<Record<string, any>> => {
    const { data, errors: problems } = await api.ask(
      `${operation.startsWith('!') ? 'query' : 'mutation'} (${declared}) { result: ${operation.replace(/^!/, '')} }`,
      variables,
    )
    if (!data) throw new Error(JSON.stringify(problems))
    return data.result
  }
  const iterate = async function* (query: string, id: string): AsyncGenerator<Record<string, any>> {
    const client = createClient({
      url: `${api.localUrl.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${api.key}` },
      retryAttempts: 0,
    })
    try {
      for await (const { data, errors: problems } of client.iterate<{ change: Record<string, any> }>({ query, variables: { id } })) {
        if (!data) throw new Error(JSON.stringify(problems))
        yield data.change
      }
    } finally {
      await client.dispose()
    }
  }
  const models = modelsOf(api)
  return {
    models,
    async uploadRecordings(files: Record<string, Buffer | string>): Promise<string> {
      const response = await models.upload('recordings', makeZip(files))
      return ((await response.json()) as { id: string }).id
    },
    createTestSet: (input: object) =>
      run(
        `createTestSet(input: $input) { __typename ... on CreateTestSetSuccess { testSet { ${testSetFields} } } ${errors} ... on ValidationError { fieldErrors { path message } } }`,
        '$input: CreateTestSetInput!',
        { input: { name: `Set ${crypto.randomUUID().slice(0, 8)}`, locale: 'en-US', ...input } },
      ),
    deleteTestSet: (id: string) => run(`deleteTestSet(id: $id) { __typename ... on DeleteTestSetSuccess { deletedId } ${errors} }`, '$id: ID!', { id }),
    findTestSet: (id: string) => run(`!testSet(id: $id) { ${testSetFields} }`, '$id: ID!', { id }),
    createEvaluation: (input: object) =>
      run(
        `createEvaluation(input: $input) { __typename ... on CreateEvaluationSuccess { evaluation { ${evaluationFields} } } ${errors} ... on ValidationError { fieldErrors { path message } } }`,
        '$input: CreateEvaluationInput!',
        { input },
      ),
    cancelEvaluation: (id: string) =>
      run(`cancelEvaluation(id: $id) { __typename ... on CancelEvaluationSuccess { evaluation { status } } ${errors} }`, '$id: ID!', { id }),
    deleteEvaluation: (id: string) =>
      run(`deleteEvaluation(id: $id) { __typename ... on DeleteEvaluationSuccess { deletedId } ${errors} }`, '$id: ID!', { id }),
    findEvaluation: (id: string) => run(`!evaluation(id: $id) { ${evaluationFields} ${itemFields} }`, '$id: ID!', { id }),
    /** The states of a test set until its end. */
    async *watchTestSet(id: string) {
      const query = `subscription ($id: ID!) { change: testSetStatusChanged(id: $id) { __typename ${errors} ... on TestSetStatusChange { testSet { ${testSetFields} } } } }`
      yield* iterate(query, id)
    },
    /** The states of an evaluation until its end. */
    async *watchEvaluation(id: string) {
      const query = `subscription ($id: ID!) { change: evaluationStatusChanged(id: $id) { __typename ${errors} ... on EvaluationStatusChange { evaluation { ${evaluationFields} } } } }`
      yield* iterate(query, id)
    },
    /** A READY test set of these recordings. */
    async importTestSet(recordings: readonly { wav: Buffer; text: string }[]): Promise<Record<string, any>> {
      const table = recordings.map(({ text }, n) => `${n}.wav\t${text}`).join('\n')
      const uploadId = await this.uploadRecordings({ 'table.tsv': table, ...Object.fromEntries(recordings.map(({ wav }, n) => [`${n}.wav`, wav])) })
      const { testSet } = await this.createTestSet({ uploadId })
      let last: Record<string, any> | undefined
      for await (const change of this.watchTestSet(testSet.id)) last = change['testSet']
      if (last?.['status'] !== 'READY') throw new Error(JSON.stringify(last))
      return last
    },
    /** The two base models of a scenario. */
    async pair(scenario?: string) {
      const [acousticModelId, languageModelId] = await Promise.all([api.modelId('ACOUSTIC', scenario), api.modelId('LANGUAGE', scenario)])
      return { acousticModelId, languageModelId }
    },
    /** An evaluation after its end. */
    async evaluate(input: object): Promise<Record<string, any>> {
      const { evaluation, message } = await this.createEvaluation(input)
      if (!evaluation) throw new Error(message)
      for await (const _ of this.watchEvaluation(evaluation.id));
      return this.findEvaluation(evaluation.id)
    },
  }
}
