import { isTerminal } from '../domain/deployment-lifecycle.ts'
import { encodeEventCursor } from '../lifecycle/event-cursor.ts'
import { DeploymentStatusEnum, StageEnum } from './deployment-status.ts'
import { Deployment, DeploymentStatusChange } from './refs.ts'

DeploymentStatusChange.implement({
  description: "One line of a deployment's log: its creation, a step of its provisioning, another name, its end.",
  fields: (t) => ({
    deploymentId: t.globalID({
      description: 'The `id` of the deployment, also when it has been deleted.',
      resolve: (event) => ({ type: 'Deployment', id: event.deploymentId }),
    }),
    deployment: t.field({
      type: Deployment,
      nullable: true,
      description: 'The deployment as it is now, which may be further than this change; null when it has been deleted.',
      resolve: (event, _, ctx) => ctx.loadDeployment(event.deploymentId),
    }),
    status: t.expose('status', { type: DeploymentStatusEnum, description: 'The status after the change.' }),
    previousStatus: t.expose('previousStatus', {
      type: DeploymentStatusEnum,
      nullable: true,
      description: "The status before; null for a deployment's creation.",
    }),
    isTerminal: t.boolean({ description: 'True when nothing more will happen by itself.', resolve: (event) => isTerminal(event.status) }),
    stage: t.expose('stage', { type: StageEnum, nullable: true, description: 'What provisioning is doing; null when it is not at work.' }),
    progress: t.exposeFloat('progress', { description: 'Of the whole provisioning, 0 to 1.' }),
    message: t.exposeString('message', { description: 'For people: what has just happened.' }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When.' }),
    sequence: t.exposeInt('sequence', {
      description: "Counts the deployment's changes from 1. A watched log has no gap; of an old one, changes that are not kept are missing (see `timeline`).",
    }),
    cursor: t.string({ description: 'Give this as `after` to go on behind this change.', resolve: (event) => encodeEventCursor('deployment', event) }),
  }),
})
