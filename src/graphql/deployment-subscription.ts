import { DeploymentNotFoundError } from '../domain/deployment-errors.ts'
import { deploymentLog } from '../domain/deployment-lifecycle.ts'
import { ExpectedError, InvalidCursorError } from '../domain/errors.ts'
import { watchDeployments } from '../domain/subscription.ts'
import { encodeEventCursor } from '../lifecycle/event-cursor.ts'
import { builder } from './builder.ts'
import { DeploymentStatusEnum, StageEnum } from './deployment-status.ts'
import { decodeNodeId } from './node-id.ts'
import { Deployment, DeploymentStatusChange } from './refs.ts'
import { addWatchedField } from './watched-field.ts'

DeploymentStatusChange.implement({
  description:
    "One change in a deployment's log: the creation, a provisioning step of the deployment or of a revision, a new name, a suspension, a restoration or the end.",
  fields: (t) => ({
    deploymentId: t.globalID({
      description: 'The `id` of the deployment, even after the deletion of the deployment.',
      resolve: (event) => ({ type: 'Deployment', id: event.deploymentId }),
    }),
    deployment: t.field({
      type: Deployment,
      nullable: true,
      description: 'The deployment in its current state, which can be newer than this change; null after the deletion of the deployment.',
      resolve: (event, _, ctx) => ctx.loadDeployment(event.deploymentId),
    }),
    status: t.expose('status', { type: DeploymentStatusEnum, description: 'The status after the change.' }),
    previousStatus: t.expose('previousStatus', {
      type: DeploymentStatusEnum,
      nullable: true,
      description: 'The status before the change; null for the creation of a deployment.',
    }),
    isTerminal: t.boolean({
      description: 'True when the status after the change is terminal and no revision is pending: only a request can change the deployment further.',
      resolve: (event) => deploymentLog.isLast(event),
    }),
    stage: t.expose('stage', { type: StageEnum, nullable: true, description: 'The current provisioning stage; null when provisioning is not running.' }),
    progress: t.exposeFloat('progress', {
      description: 'The progress of the whole provisioning, from 0 to 1; of the revision when the change concerns one.',
    }),
    message: t.exposeString('message', { description: 'A human-readable message that describes the change.' }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'The time of the change.' }),
    sequence: t.exposeInt('sequence', {
      description:
        'The number of this change, counted from 1 for each deployment. A watched log has no gap. An old log lacks the changes that the server no longer keeps (see `timeline`).',
    }),
    cursor: t.string({
      description: 'The cursor of this change. Pass the cursor as `after` to continue after this change.',
      resolve: (event) => encodeEventCursor('deployment', event),
    }),
  }),
})

const DeploymentStatusChangedResult = builder.unionType('DeploymentStatusChangedResult', {
  description: 'A change, or the error that prevents the subscription. The stream ends after an error.',
  types: [DeploymentStatusChange, DeploymentNotFoundError, InvalidCursorError],
  resolveType: (result) => (result instanceof ExpectedError ? (result.constructor.name as never) : 'DeploymentStatusChange'),
})

addWatchedField('deploymentStatusChanged', {
  type: DeploymentStatusChangedResult,
  description: `Delivers every change in order and exactly once.

With \`deploymentId\`, the stream delivers the deployment's newest change first, then every later change. The stream ends after a terminal change.
A change of a COMPLETE deployment is terminal when no revision is in work or on trial.

Without \`deploymentId\`, the stream delivers every new change of all deployments of the workspace and never ends. A change whose \`previousStatus\`
is null means a new deployment. A change whose \`status\` is DELETING means a deleted deployment, and a change whose \`previousStatus\` is DELETING means a restored deployment. To miss no change between a list and its stream,
pass the list's \`changesCursor\` as \`after\`.`,
  args: builder.args((t) => ({
    deploymentId: t.id({ description: 'The `id` of a deployment. Without an id, the stream covers all deployments of the workspace.' }),
    locale: t.field({ type: 'Locale', description: 'Only changes of deployments for this locale.' }),
    after: t.string({ description: 'The `cursor` of the last change that the client received. The stream continues after this change.' }),
  })),
  watch: ({ deploymentId, ...args }, ctx) =>
    watchDeployments(ctx, { ...args, id: deploymentId == null ? undefined : decodeNodeId('Deployment', deploymentId) }),
})
