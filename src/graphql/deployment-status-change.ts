import { isTerminal } from '../domain/deployment-lifecycle.ts'
import { encodeEventCursor } from '../lifecycle/event-cursor.ts'
import { DeploymentStatusEnum, StageEnum } from './deployment-status.ts'
import { Deployment, DeploymentStatusChange } from './refs.ts'

DeploymentStatusChange.implement({
  description: "One change in a deployment's log: the creation, a provisioning step, a new name or the end.",
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
      description: 'True when the status after the change is terminal: only a request can change the deployment further.',
      resolve: (event) => isTerminal(event.status),
    }),
    stage: t.expose('stage', { type: StageEnum, nullable: true, description: 'The current provisioning stage; null when provisioning is not running.' }),
    progress: t.exposeFloat('progress', { description: 'The progress of the whole provisioning, from 0 to 1.' }),
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
