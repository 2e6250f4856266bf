import { Repeater } from '@repeaterjs/repeater'
import { findDeployment } from '../domain/deployment.ts'
import { DeploymentNotFoundError, ExpectedError, InvalidCursorError } from '../domain/errors.ts'
import { isTerminal } from '../domain/status.ts'
import { encodeEventCursor, watchDeployment } from '../domain/timeline.ts'
import type { DeploymentEventRow } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { Deployment, DeploymentStatusEnum, StageEnum } from './deployment.ts'
import { decodeNodeId } from './node-id.ts'

const DeploymentStatusChange = builder.objectRef<DeploymentEventRow>('DeploymentStatusChange').implement({
  description: "One line of a deployment's log.",
  fields: (t) => ({
    deployment: t.field({
      type: Deployment,
      nullable: true,
      description: 'The deployment as it is now, which may be further than this change; null when it has been deleted since.',
      resolve: (event, _, ctx) => findDeployment(ctx, event.deploymentId),
    }),
    status: t.expose('status', { type: DeploymentStatusEnum, description: 'The status after the change.' }),
    previousStatus: t.expose('previousStatus', {
      type: DeploymentStatusEnum,
      nullable: true,
      description: "The status before; null for a deployment's first line.",
    }),
    isTerminal: t.boolean({ description: 'True when the stream ends with this change.', resolve: (event) => isTerminal(event.status) }),
    stage: t.expose('stage', { type: StageEnum, nullable: true, description: 'What provisioning is doing; null when it is not at work.' }),
    progress: t.exposeFloat('progress', { description: 'Of the whole provisioning, 0 to 1.' }),
    message: t.exposeString('message', { description: 'For people: what has just happened.' }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When.' }),
    sequence: t.exposeInt('sequence', { description: "Counts the deployment's changes from 1, without a gap." }),
    cursor: t.string({ description: 'Give this as `after` to go on behind this change.', resolve: (event) => encodeEventCursor(event.sequence) }),
  }),
})

const DeploymentStatusChangedResult = builder.unionType('DeploymentStatusChangedResult', {
  description: 'A change, or the reason why there is nothing to watch; after that the stream ends.',
  types: [DeploymentStatusChange, DeploymentNotFoundError, InvalidCursorError],
  resolveType: (result) => (result instanceof ExpectedError ? result.constructor.name : 'DeploymentStatusChange'),
})

builder.subscriptionField('deploymentStatusChanged', (t) =>
  t.field({
    type: DeploymentStatusChangedResult,
    description:
      "A deployment's present status first, then every change in order until it is terminal, then the stream ends. None comes twice, none is missing.",
    args: {
      deploymentId: t.arg.id({ required: true, description: 'The `id` of a deployment.' }),
      after: t.arg.string({ description: 'The `cursor` of the last change that was seen: the stream goes on behind it.' }),
    },
    subscribe: (_, { deploymentId, after }, ctx) => watchDeployment(ctx, decodeNodeId('Deployment', deploymentId), after).then(toStream),
    resolve: (event) => event as never,
  }),
)

const toStream = (watched: AsyncIterable<DeploymentEventRow> | ExpectedError): AsyncIterable<DeploymentEventRow | ExpectedError> =>
  watched instanceof ExpectedError ? Repeater.race([[watched]]) : watched
