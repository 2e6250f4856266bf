// What tests of custom models share: mutations, the wait for a model's end, and a zip of recordings.
import { crc32, deflateRawSync } from 'node:zlib'
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import type { Service } from './service.ts'

const ranks = ['ace', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'jack', 'queen', 'king']
const cards = ranks.flatMap((rank) => ['clubs', 'diamonds', 'hearts', 'spades'].map((suit) => `${rank} of ${suit}`))
/** What is said in games of cards: each card alone, and each after every fifth other. */
export const cardText = [...cards, ...cards.flatMap((card, n) => cards.filter((_, m) => (n + m) % 5 === 0).map((other) => `${card} ${other}`))].join('\n')
export const cardLines = cardText.split('\n').length

const fields = `... on Model { id name status stage progress isReady isTerminal isBase failure { stage code message } baseModel { id }
  ... on LanguageModel { statistics { lines skippedLines words vocabulary unknownWords perplexity { general custom } } evaluation { recordings before after isWorse weight improved { word times } worsened { word times } } }
  ... on AcousticModel { source } }`

const errors = '... on Error { code message path }'
const fieldErrors = '... on ValidationError { fieldErrors { path message } }'

export interface ModelChange {
  __typename: string
  code?: string
  modelId: string
  status: string
  previousStatus: string | null
  stage: string | null
  progress: number
  message: string
  sequence: number
  cursor: string
  isTerminal: boolean
}

export function modelsOf(api: Pick<Service, 'ask' | 'localUrl' | 'key' | 'modelId'>) {
  const run = async (mutation: string, declared: string, variables: object): Promise<Record<string, any>> => {
    const { data, errors: problems } = await api.ask(`mutation (${declared}) { result: ${mutation} }`, variables)
    if (!data) throw new Error(JSON.stringify(problems))
    return data.result
  }
  return {
    async createLanguageModel(input: object, scenario?: string) {
      const base = { name: `Words ${crypto.randomUUID().slice(0, 8)}`, locale: 'en-US', baseModelId: await api.modelId('LANGUAGE', scenario) }
      const mutation = `createLanguageModel(input: $input) { __typename ... on CreateLanguageModelSuccess { model { ${fields} } } ${errors} ${fieldErrors} ... on DuplicateModelNameError { model { id } } }`
      return run(mutation, '$input: CreateLanguageModelInput!', { input: { ...base, ...input } })
    },
    async createAcousticModel(input: object, scenario?: string) {
      const base = { name: `Sound ${crypto.randomUUID().slice(0, 8)}`, locale: 'en-US', baseModelId: await api.modelId('ACOUSTIC', scenario) }
      const mutation = `createAcousticModel(input: $input) { __typename ... on CreateAcousticModelSuccess { model { ${fields} } } ${errors} ${fieldErrors} }`
      return run(mutation, '$input: CreateAcousticModelInput!', { input: { ...base, ...input } })
    },
    update: (input: object) =>
      run(
        `updateModel(input: $input) { __typename ... on UpdateModelSuccess { model { name description } } ${errors} ${fieldErrors} }`,
        '$input: UpdateModelInput!',
        {
          input,
        },
      ),
    cancel: (id: string) => run(`cancelModel(id: $id) { __typename ... on CancelModelSuccess { model { status } } ${errors} }`, '$id: ID!', { id }),
    retry: (id: string) => run(`retryModel(id: $id) { __typename ... on RetryModelSuccess { model { status } } ${errors} }`, '$id: ID!', { id }),
    delete: (id: string) =>
      run(`deleteModel(id: $id) { __typename ... on DeleteModelSuccess { deletedId } ${errors} ... on ModelInUseError { deployments { name } } }`, '$id: ID!', {
        id,
      }),
    accept: (modelId: string) => run(`acceptLicense(modelId: $modelId) { __typename ${errors} }`, '$modelId: ID!', { modelId }),
    find: async (id: string) => (await api.ask(`query ($id: ID!) { model(id: $id) { ${fields} } }`, { id })).data?.model,

    /** Every change of the model until it is terminal; without one, every change of all. */
    async *watch(modelId: string | null, after?: string): AsyncGenerator<ModelChange> {
      const client = createClient({
        url: `${api.localUrl.replace(/^http/, 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${api.key}` },
        retryAttempts: 0,
      })
      const query = `subscription ($modelId: ID, $after: String) { modelStatusChanged(modelId: $modelId, after: $after) { __typename ... on Error { code }
        ... on ModelStatusChange { modelId status previousStatus stage progress message sequence cursor isTerminal } } }`
      try {
        for await (const { data, errors: problems } of client.iterate<{ modelStatusChanged: ModelChange }>({ query, variables: { modelId, after } })) {
          if (!data) throw new Error(JSON.stringify(problems))
          yield data.modelStatusChanged
        }
      } finally {
        await client.dispose()
      }
    },

    upload: (kind: string, body: NonNullable<RequestInit['body']>, headers: Record<string, string> = {}) =>
      fetch(`${api.localUrl}/uploads?kind=${kind}`, {
        method: 'PUT',
        body,
        headers: { authorization: `Bearer ${api.key}`, ...headers },
        duplex: 'half',
      } as RequestInit),
  }
}

/** A zip as any program would write it. */
export function makeZip(files: Record<string, Buffer | string>): Buffer<ArrayBuffer> {
  const bodies: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const [name, content] of Object.entries(files)) {
    const bytes = Buffer.from(content)
    const packed = deflateRawSync(bytes)
    const facts = Buffer.alloc(26)
    facts.writeUInt16LE(20, 0)
    facts.writeUInt16LE(8, 4)
    facts.writeUInt32LE(crc32(bytes), 10)
    facts.writeUInt32LE(packed.length, 14)
    facts.writeUInt32LE(bytes.length, 18)
    facts.writeUInt16LE(Buffer.byteLength(name), 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), facts, Buffer.from(name), packed])
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(at, 10)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), facts, rest, Buffer.from(name)]))
    bodies.push(local)
    at += local.length
  }
  const list = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(directory.length, 4)
  end.writeUInt16LE(directory.length, 6)
  end.writeUInt32LE(list.length, 8)
  end.writeUInt32LE(at, 12)
  return Buffer.concat([...bodies, list, Buffer.from('PK\x05\x06'), end])
}
