import { encodeGlobalID } from '@pothos/plugin-relay'
import { type GraphQLSchema, isInterfaceType } from 'graphql'
import { builder } from './builder.ts'
import './scalar.ts'
import './model.ts'
import './model-creation.ts'
import './model-action.ts'
import './model-subscription.ts'
import './key.ts'
import './browser-session.ts'
import './deployment.ts'
import './deployment-list.ts'
import './deployment-creation.ts'
import './deployment-action.ts'
import './error.ts'
import './locale.ts'
import './deployment-subscription.ts'
import './revisions/revision.ts'
import './revisions/revision-error.ts'
import './revisions/redeployment.ts'
import './revisions/switching.ts'
import './revisions/gate.ts'
import './upload.ts'
import './evaluation/test-set.ts'
import './evaluation/test-set-creation.ts'
import './evaluation/evaluation.ts'
import './evaluation/evaluation-creation.ts'
import './evaluation/comparison.ts'
import './evaluation/subscription.ts'
import './evaluation/error.ts'
import './viewer.ts'
import './node.ts'

export const schema = withPlainIds(builder.toSchema())

/** Resolves the ids of nodes without the promise that the Relay plugin makes for each: a page has hundreds of ids. */
function withPlainIds(built: GraphQLSchema): GraphQLSchema {
  const node = built.getType('Node')
  for (const type of isInterfaceType(node) ? built.getPossibleTypes(node) : []) {
    const { id } = type.getFields()
    if (id) id.resolve = (row: { id: string }) => encodeGlobalID(type.name, row.id)
  }
  return built
}
