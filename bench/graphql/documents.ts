// The operations that the GraphQL bench measures.

const fields = 'id name description status stage progress createdAt updatedAt'
const page = 'pageInfo { hasNextPage endCursor }'
const endpoint = 'endpoint { httpUrl webSocketUrl }'
const models = 'acousticModel { id name scenario } languageModel { id name scenario }'

export type Operation = 'List20' | 'List50' | 'Single' | 'Create'
export type Documents = Record<Operation, string>

export const documents: Documents = {
  List20: `query List20 { deployments(first: 20) { nodes { ${fields} } ${page} } }`,
  List50: `query List50 { deployments(first: 50) { nodes { ${fields} ${models} ${endpoint} } ${page} } }`,
  Single: `query Single($id: ID!) { deployment(id: $id) { ${fields} ${models} ${endpoint} } }`,
  Create:
    'mutation Create($input: CreateDeploymentInput!) { createDeployment(input: $input) { ... on CreateDeploymentSuccess { deployment { id status } } ... on Error { message } } }',
}

const modelsByTable = 'acousticModel: modelByAcousticModelId { id name scenario } languageModel: modelByLanguageModelId { id name scenario }'
const listByTable = (size: number, more: string) =>
  `query List${size}($workspace: UUID!) { deployments: allDeployments(first: ${size}, orderBy: ROW_ID_DESC, condition: { workspaceId: $workspace }) { nodes { ${fields} ${more} } ${page} } }`

/** The same answers from a schema that is made from the tables. */
export const postgraphileDocuments: Documents = {
  List20: listByTable(20, ''),
  List50: listByTable(50, `${modelsByTable} ${endpoint}`),
  Single: `query Single($id: ID!) { deployment(id: $id) { ${fields} ${modelsByTable} ${endpoint} } }`,
  Create: 'mutation Create($input: AddDeploymentInput!) { createDeployment: addDeployment(input: $input) { deployment: result { id status } } }',
}

export interface Case {
  title: string
  operation: Operation
  connections: number
  workspaces: number
}

const reads = { connections: 16, workspaces: 1 }
const create = (connections: number, workspaces: number): Case => ({
  title: `create, ${workspaces} workspace${workspaces > 1 ? 's' : ''}, ${connections} connection${connections > 1 ? 's' : ''}`,
  operation: 'Create',
  connections,
  workspaces,
})

export const cases: readonly Case[] = [
  { title: 'list 20, 16 connections', operation: 'List20', ...reads },
  { title: 'list 50 with models and endpoint, 16 connections', operation: 'List50', ...reads },
  { title: 'single by id, 16 connections', operation: 'Single', ...reads },
  create(1, 1),
  create(32, 1),
  create(8, 8),
  create(32, 8),
]
