import { GraphQLError } from 'graphql'
import { findSession } from '../access/browser-session.ts'
import { findKey } from '../access/key.ts'
import { findViewerWorkspace } from '../access/workspace.ts'
import { findModel } from '../domain/model.ts'
import { findUpload } from '../domain/upload.ts'
import { findEvaluation } from '../evaluation/evaluation.ts'
import { findTestSet } from '../evaluation/test-set.ts'
import { builder, type GraphQLContext } from './builder.ts'
import { decodeNodeId, maxNodes, typeOfNodeId } from './node-id.ts'

/** The look-up of each node type. Each look-up is limited to the caller's workspace. */
const finders = new Map<string, (ctx: GraphQLContext, id: string) => Promise<object | null>>(
  Object.entries({
    Deployment: (ctx: GraphQLContext, id: string) => ctx.loadDeployment(id),
    AcousticModel: (ctx: GraphQLContext, id: string) => findModel(ctx, 'ACOUSTIC', id),
    LanguageModel: (ctx: GraphQLContext, id: string) => findModel(ctx, 'LANGUAGE', id),
    Revision: async (ctx: GraphQLContext, id: string) => (await ctx.loadRevision(id))?.revision ?? null,
    Key: findKey,
    Session: findSession,
    Upload: findUpload,
    TestSet: findTestSet,
    Evaluation: findEvaluation,
    Workspace: async (ctx: GraphQLContext, id: string) => (id === ctx.viewer.workspaceId ? findViewerWorkspace(ctx) : null),
  }),
)

const findNode = async (ctx: GraphQLContext, id: string) => {
  const type = typeOfNodeId(id)
  const found = await (finders.get(type)?.(ctx, decodeNodeId(type, id)) ?? null)
  return found as never
}

builder.queryField('node', (t) =>
  t.field({
    type: builder.nodeInterfaceRef(),
    nullable: true,
    description: 'The object with this id; null when this workspace has no object with this id.',
    args: { id: t.arg.id({ required: true, description: 'An `id` that this API returned.' }) },
    resolve: (_, { id }, ctx) => findNode(ctx, id),
  }),
)

builder.queryField('nodes', (t) =>
  t.field({
    type: [builder.nodeInterfaceRef()],
    nullable: { list: false, items: true },
    description: 'The objects with these ids, in the order of the ids. An entry is null when this workspace has no object with the id.',
    args: { ids: t.arg.idList({ required: true, description: 'Ids that this API returned, at most 100.' }) },
    resolve: (_, { ids }, ctx) => findNodes(ctx, ids) as never,
  }),
)

function findNodes(ctx: GraphQLContext, ids: readonly string[]) {
  if (ids.length > maxNodes)
    throw new GraphQLError(`The request has ${ids.length} ids, and the limit is ${maxNodes}. Send several requests.`, {
      extensions: { code: 'TOO_MANY_IDS', limit: maxNodes },
    })
  return Promise.all(ids.map((id) => findNode(ctx, id)))
}
