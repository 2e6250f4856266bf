// graphql-yoga, Pothos and DataLoader with their defaults.
import { createServer } from 'node:http'
import SchemaBuilder from '@pothos/core'
import DataLoader from 'dataloader'
import { createYoga } from 'graphql-yoga'
import { createDeployment, findDeployment, findModels, listDeployments } from './rows.mjs'
import { announce, decodeId, encodeId, endpointOf, nameTaken, toPage, toRow } from './shared.mjs'

const builder = new SchemaBuilder({})
builder.scalarType('DateTime', { serialize: (date) => date.toISOString() })
const Status = builder.enumType('DeploymentStatus', { values: ['QUEUED', 'PROVISIONING', 'COMPLETE', 'SUSPENDED', 'FAILED', 'CANCELED', 'DELETING'] })
const Stage = builder.enumType('Stage', { values: ['RESOLVING', 'FETCHING', 'BUILDING', 'LOADING', 'VERIFYING'] })
const Scenario = builder.enumType('Scenario', { values: ['CONVERSATIONAL', 'SEARCH_AND_DICTATION'] })

const [AcousticModel, LanguageModel] = ['AcousticModel', 'LanguageModel'].map((name) =>
  builder.objectRef(name).implement({
    fields: (t) => ({
      id: t.id({ resolve: ({ id }) => encodeId(name, id) }),
      name: t.exposeString('name'),
      scenario: t.expose('scenario', { type: Scenario }),
    }),
  }),
)
const Endpoint = builder.objectRef('Endpoint').implement({
  fields: (t) => ({ httpUrl: t.exposeString('httpUrl'), webSocketUrl: t.exposeString('webSocketUrl') }),
})
const Deployment = builder.objectRef('Deployment').implement({
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => encodeId('Deployment', id) }),
    name: t.exposeString('name'),
    description: t.exposeString('description'),
    status: t.expose('status', { type: Status }),
    stage: t.expose('stage', { type: Stage, nullable: true }),
    progress: t.exposeFloat('progress'),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime' }),
    acousticModel: t.field({ type: AcousticModel, resolve: ({ acousticModelId }, _, { models }) => models.load(acousticModelId) }),
    languageModel: t.field({ type: LanguageModel, resolve: ({ languageModelId }, _, { models }) => models.load(languageModelId) }),
    endpoint: t.field({
      type: Endpoint,
      nullable: true,
      resolve: async (deployment, _, { models }) => endpointOf(deployment, (await models.load(deployment.acousticModelId)).scenario),
    }),
  }),
})
const PageInfo = builder.objectRef('PageInfo').implement({
  fields: (t) => ({ hasNextPage: t.exposeBoolean('hasNextPage'), endCursor: t.exposeString('endCursor', { nullable: true }) }),
})
const Connection = builder.objectRef('DeploymentConnection').implement({
  fields: (t) => ({ nodes: t.expose('nodes', { type: [Deployment] }), pageInfo: t.expose('pageInfo', { type: PageInfo }) }),
})
const Failure = builder.interfaceRef('Error').implement({ fields: (t) => ({ message: t.exposeString('message') }) })
const NameTaken = builder.objectRef('DuplicateDeploymentNameError').implement({ interfaces: [Failure], isTypeOf: (value) => 'message' in value })
const Created = builder.objectRef('CreateDeploymentSuccess').implement({
  fields: (t) => ({ deployment: t.expose('deployment', { type: Deployment }) }),
})
const Result = builder.unionType('CreateDeploymentResult', {
  types: [Created, NameTaken],
  resolveType: ({ deployment }) => (deployment ? Created : NameTaken),
})
const Input = builder.inputType('CreateDeploymentInput', {
  fields: (t) => ({
    name: t.string({ required: true }),
    locale: t.string({ required: true }),
    acousticModelId: t.id({ required: true }),
    languageModelId: t.id({ required: true }),
  }),
})
builder.queryType({
  fields: (t) => ({
    deployments: t.field({
      type: Connection,
      args: { first: t.arg.int({ defaultValue: 20, required: true }) },
      resolve: async (_, { first }, { workspace }) => toPage(await listDeployments(workspace, first + 1), first),
    }),
    deployment: t.field({
      type: Deployment,
      nullable: true,
      args: { id: t.arg.id({ required: true }) },
      resolve: async (_, { id }, { workspace }) => (await findDeployment(workspace, decodeId(id)))[0] ?? null,
    }),
  }),
})
builder.mutationType({
  fields: (t) => ({
    createDeployment: t.field({
      type: Result,
      args: { input: t.arg({ type: Input, required: true }) },
      resolve: async (_, { input }, { workspace }) => {
        const deployment = await createDeployment(workspace, toRow(input))
        return deployment ? { deployment } : { message: nameTaken }
      },
    }),
  }),
})

const yoga = createYoga({
  schema: builder.toSchema(),
  logging: false,
  context: ({ request }) => ({ workspace: request.headers.get('x-workspace'), models: new DataLoader(findModels) }),
})
const server = createServer(yoga)
server.listen(0, '127.0.0.1', () => announce(server.address().port))
