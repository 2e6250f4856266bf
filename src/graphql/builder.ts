import SchemaBuilder from '@pothos/core'
import RelayPlugin from '@pothos/plugin-relay'
import type { LoadKey } from '../access/key.ts'
import type { Context } from '../domain/context.ts'
import type { LoadDeployment } from '../domain/deployment.ts'
import type { EventHistories } from '../domain/event-history.ts'
import type { LoadChosenModel, LoadFittingModels, LoadModel } from '../domain/model.ts'
import type { OperationLimits } from '../graphql-limits/operation-limits.ts'
import type { LoadQueuePosition } from '../lifecycle/queue-position.ts'
import type { LoadRevision, LoadRevisions } from '../revisions/revision.ts'

/** Limits of other parts of the server that `viewer.limits` shows. */
export interface ShownLimits {
  upload: { bytes: number; atOnce: number }
  speech: {
    sessions: number
    sessionsPerKey: number
    sessionsPerDeployment: number
    shortAudioSeconds: number
    transcriptionSeconds: number
    transcriptionBytes: number
  }
}

/** The context of resolvers: the service for one viewer, and the look-ups that one request shares. */
export interface GraphQLContext extends Context {
  loadModel: LoadModel
  loadChosenModel: LoadChosenModel
  loadDeployment: LoadDeployment
  loadRevision: LoadRevision
  loadRevisions: LoadRevisions
  loadKey: LoadKey
  loadFittingModels: LoadFittingModels
  timelines: EventHistories
  queuePositions: { deployment: LoadQueuePosition; model: LoadQueuePosition }
  operationLimits: OperationLimits
  shownLimits: ShownLimits
}

export const builder = new SchemaBuilder<{
  Context: GraphQLContext
  DefaultFieldNullability: false
  DefaultEdgesNullability: false
  DefaultNodeNullability: false
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date }
    Locale: { Input: string; Output: string }
    URL: { Input: string; Output: string }
  }
}>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    clientMutationId: 'omit',
    cursorType: 'String',
    idFieldOptions: { description: 'A permanent id that is unique among all objects.' },
    edgesFieldOptions: { nullable: false, description: 'The rows of this page with their cursors.' },
    nodeFieldOptions: { nullable: false, description: 'The row.' },
    nodesOnConnection: { description: 'The rows of this page without their cursors.' },
    nodeTypeOptions: { description: 'An object with an id.' },
    pageInfoTypeOptions: { description: 'The position of a page in its list.' },
    pageInfoFieldOptions: { description: 'The position of this page in the list.' },
    cursorFieldOptions: { description: 'The cursor of this row. Pass the cursor as `after` or `before` to continue from this row.' },
    hasNextPageFieldOptions: { description: 'True when the list has rows after this page.' },
    hasPreviousPageFieldOptions: { description: 'True when the list has rows before this page.' },
    startCursorFieldOptions: { description: 'The cursor of the first row; null on an empty page.' },
    endCursorFieldOptions: { description: 'The cursor of the last row; null on an empty page.' },
    firstArgOptions: { description: 'The number of rows from the beginning, at most 100. The default is 20 when neither `first` nor `last` is given.' },
    lastArgOptions: { description: 'The number of rows from the end, at most 100.' },
    afterArgOptions: { description: 'Only rows after this cursor.' },
    beforeArgOptions: { description: 'Only rows before this cursor.' },
    nodeQueryOptions: false,
    nodesQueryOptions: false,
  },
})

builder.queryType({ description: 'The queries of this API.' })
builder.mutationType({ description: 'The mutations of this API. Each mutation returns a union of the success and each expected error.' })
builder.subscriptionType({ description: 'The subscriptions of this API.' })
