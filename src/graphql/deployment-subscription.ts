import { DeploymentNotFoundError } from '../domain/deployment-errors.ts'
import { ExpectedError, InvalidCursorError } from '../domain/errors.ts'
import { watchDeployments } from '../domain/subscription.ts'
import { builder } from './builder.ts'
import { decodeNodeId } from './node-id.ts'
import { DeploymentStatusChange } from './refs.ts'
import { toStream } from './result.ts'

const DeploymentStatusChangedResult = builder.unionType('DeploymentStatusChangedResult', {
  description: 'A change, or the error that prevents the subscription. The stream ends after an error.',
  types: [DeploymentStatusChange, DeploymentNotFoundError, InvalidCursorError],
  resolveType: (result) => (result instanceof ExpectedError ? (result.constructor.name as never) : 'DeploymentStatusChange'),
})

builder.subscriptionField('deploymentStatusChanged', (t) =>
  t.field({
    type: DeploymentStatusChangedResult,
    description: `Delivers every change in order and exactly once.

With \`deploymentId\`, the stream delivers the deployment's newest change first, then every later change. The stream ends after a terminal change.

Without \`deploymentId\`, the stream delivers every new change of all deployments of the workspace and never ends. A change whose \`previousStatus\`
is null means a new deployment. A change whose \`status\` is DELETING means a deleted deployment. To miss no change between a list and its stream,
pass the list's \`changesCursor\` as \`after\`.`,
    args: {
      deploymentId: t.arg.id({ description: 'The `id` of a deployment. Without an id, the stream covers all deployments of the workspace.' }),
      locale: t.arg({ type: 'Locale', description: 'Only changes of deployments for this locale.' }),
      after: t.arg.string({ description: 'The `cursor` of the last change that the client received. The stream continues after this change.' }),
    },
    subscribe: (_, { deploymentId, ...args }, ctx) =>
      watchDeployments(ctx, { ...args, id: deploymentId == null ? undefined : decodeNodeId('Deployment', deploymentId) }).then(toStream),
    resolve: (event) => event as never,
  }),
)
