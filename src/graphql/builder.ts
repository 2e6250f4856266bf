import SchemaBuilder from '@pothos/core'
import RelayPlugin from '@pothos/plugin-relay'
import type { Context } from '../domain/context.ts'
import type { LoadDeployment } from '../domain/deployment.ts'
import type { EventHistories } from '../domain/event-history.ts'
import type { LoadChosenModel, LoadFittingModels, LoadModel } from '../domain/model.ts'
import type { OperationLimits } from '../graphql-limits/operation-limits.ts'
import type { LoadQueuePosition } from '../lifecycle/queue-position.ts'

/** Limits of other parts of the server that `viewer.limits` tells. */
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

/** What a resolver gets: the caller's view of the service, and the look-ups shared by one request. */
export interface GraphQLContext extends Context {
  loadModel: LoadModel
  loadChosenModel: LoadChosenModel
  loadDeployment: LoadDeployment
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
    idFieldOptions: { description: 'Unique among everything, and the same for ever.' },
    edgesFieldOptions: { nullable: false, description: 'The rows of this page with their cursors.' },
    nodeFieldOptions: { nullable: false, description: 'The row itself.' },
    nodesOnConnection: { description: 'The rows of this page without their cursors.' },
    nodeTypeOptions: { description: 'Anything with an id of its own.' },
    pageInfoTypeOptions: { description: 'Where a page lies in its list.' },
    pageInfoFieldOptions: { description: 'Where this page lies in the list.' },
    cursorFieldOptions: { description: 'Give this as `after` or `before` to go on from here.' },
    hasNextPageFieldOptions: { description: 'True when there are rows after this page.' },
    hasPreviousPageFieldOptions: { description: 'True when there are rows before this page.' },
    startCursorFieldOptions: { description: 'The cursor of the first row; null on an empty page.' },
    endCursorFieldOptions: { description: 'The cursor of the last row; null on an empty page.' },
    firstArgOptions: { description: 'How many rows from the beginning, at most 100; 20 when neither `first` nor `last` is given.' },
    lastArgOptions: { description: 'How many rows from the end, at most 100.' },
    afterArgOptions: { description: 'Only rows after this cursor.' },
    beforeArgOptions: { description: 'Only rows before this cursor.' },
    nodeQueryOptions: false,
    nodesQueryOptions: false,
  },
})

builder.queryType({ description: 'What can be read.' })
builder.mutationType({ description: 'What can be changed. Every answer is a union of the success and each expected error.' })
builder.subscriptionType({ description: 'What can be watched.' })
