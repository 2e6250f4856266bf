import { DeploymentNotFoundError, ExpectedError, InvalidCursorError } from '../domain/errors.ts'
import { watchDeployments } from '../domain/subscription.ts'
import { builder } from './builder.ts'
import { decodeNodeId } from './node-id.ts'
import { DeploymentStatusChange } from './refs.ts'
import { toStream } from './result.ts'

const DeploymentStatusChangedResult = builder.unionType('DeploymentStatusChangedResult', {
  description: 'A change, or the reason why there is nothing to watch; after that the stream ends.',
  types: [DeploymentStatusChange, DeploymentNotFoundError, InvalidCursorError],
  resolveType: (result) => (result instanceof ExpectedError ? (result.constructor.name as never) : 'DeploymentStatusChange'),
})

builder.subscriptionField('deploymentStatusChanged', (t) =>
  t.field({
    type: DeploymentStatusChangedResult,
    description: `Changes in order, none twice, none missing.

Of one deployment (\`deploymentId\`): its newest change first, then every later one; the stream ends after a terminal one.

Of all deployments of the workspace (no \`deploymentId\`): every change from now on, without end. A change whose \`previousStatus\` is null
means a new deployment; one whose \`status\` is DELETING means that it is gone. To miss nothing between a list and its stream, give the
list's \`changesCursor\` as \`after\`.`,
    args: {
      deploymentId: t.arg.id({ description: 'The `id` of a deployment; left out, all of the workspace are watched.' }),
      locale: t.arg({ type: 'Locale', description: 'Only changes of deployments for this speech.' }),
      after: t.arg.string({ description: 'The `cursor` of the last change that was seen: the stream goes on behind it.' }),
    },
    subscribe: (_, { deploymentId, ...args }, ctx) =>
      watchDeployments(ctx, { ...args, id: deploymentId == null ? undefined : decodeNodeId('Deployment', deploymentId) }).then(toStream),
    resolve: (event) => event as never,
  }),
)
