// The part of the product's schema that the documents use, and its resolvers, for mercurius and Apollo Server.
import DataLoader from 'dataloader'
import { GraphQLScalarType } from 'graphql'
import { createDeployment, findDeployment, findModels, listDeployments } from './rows.mjs'
import { decodeId, encodeId, endpointOf, nameTaken, toPage, toRow } from './shared.mjs'

export const typeDefs = /* GraphQL */ `
  scalar DateTime
  enum DeploymentStatus { QUEUED PROVISIONING COMPLETE SUSPENDED FAILED CANCELED DELETING }
  enum Stage { RESOLVING FETCHING BUILDING LOADING VERIFYING }
  enum Scenario { CONVERSATIONAL SEARCH_AND_DICTATION }
  type AcousticModel { id: ID! name: String! scenario: Scenario! }
  type LanguageModel { id: ID! name: String! scenario: Scenario! }
  type Endpoint { httpUrl: String! webSocketUrl: String! }
  type Deployment {
    id: ID!
    name: String!
    description: String!
    status: DeploymentStatus!
    stage: Stage
    progress: Float!
    createdAt: DateTime!
    updatedAt: DateTime!
    acousticModel: AcousticModel!
    languageModel: LanguageModel!
    endpoint: Endpoint
  }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type DeploymentConnection { nodes: [Deployment!]! pageInfo: PageInfo! }
  input CreateDeploymentInput { name: String! locale: String! acousticModelId: ID! languageModelId: ID! }
  interface Error { message: String! }
  type CreateDeploymentSuccess { deployment: Deployment! }
  type DuplicateDeploymentNameError implements Error { message: String! }
  union CreateDeploymentResult = CreateDeploymentSuccess | DuplicateDeploymentNameError
  type Query {
    deployments(first: Int = 20): DeploymentConnection!
    deployment(id: ID!): Deployment
  }
  type Mutation { createDeployment(input: CreateDeploymentInput!): CreateDeploymentResult! }
`

export const resolvers = {
  DateTime: new GraphQLScalarType({ name: 'DateTime', serialize: (date) => date.toISOString() }),
  AcousticModel: { id: ({ id }) => encodeId('AcousticModel', id) },
  LanguageModel: { id: ({ id }) => encodeId('LanguageModel', id) },
  Deployment: {
    id: ({ id }) => encodeId('Deployment', id),
    acousticModel: ({ acousticModelId }, _, { models }) => models.load(acousticModelId),
    languageModel: ({ languageModelId }, _, { models }) => models.load(languageModelId),
    endpoint: async (deployment, _, { models }) => endpointOf(deployment, (await models.load(deployment.acousticModelId)).scenario),
  },
  Query: {
    deployments: async (_, { first }, { workspace }) => toPage(await listDeployments(workspace, first + 1), first),
    deployment: async (_, { id }, { workspace }) => (await findDeployment(workspace, decodeId(id)))[0] ?? null,
  },
  Mutation: {
    createDeployment: async (_, { input }, { workspace }) => {
      const deployment = await createDeployment(workspace, toRow(input))
      return deployment ? { __typename: 'CreateDeploymentSuccess', deployment } : { __typename: 'DuplicateDeploymentNameError', message: nameTaken }
    },
  },
}

/** DataLoader batches the models. */
export const toContext = ({ headers }) => ({ workspace: headers['x-workspace'], models: new DataLoader(findModels) })
