import { type CreatedKey, findKey } from '../access/key.ts'
import { createWorkspace, findViewerWorkspace, listWorkspaces } from '../access/workspace.ts'
import { IdempotencyConflictError, NotAuthorizedError, ValidationError } from '../domain/errors.ts'
import type { WorkspaceRow } from '../postgres/tables.ts'
import { builder, type GraphQLContext } from './builder.ts'
import { Key, KeyScopeEnum } from './key.ts'
import { unwrapPage } from './pagination.ts'
import { asResult, describeIdempotencyKey, resultUnion } from './result.ts'
import { Limits } from './viewer-limits.ts'

const Workspace = builder.objectRef<WorkspaceRow>('Workspace')
builder.node(Workspace, {
  description: 'The owner of deployments, models and keys. A workspace has no access to the data of other workspaces.',
  isTypeOf: (value) => 'position' in (value as object) && !('deploymentId' in (value as object)),
  id: { resolve: (workspace) => workspace.id },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name of the workspace, for people.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: "The time of the workspace's creation." }),
  }),
})

const Viewer = builder.objectRef<object>('Viewer').implement({
  description: 'The caller of the API.',
  fields: (t) => ({
    key: t.field({ type: Key, description: 'The key of the caller.', resolve: (_, __, ctx) => findOwnKey(ctx) }),
    scopes: t.field({ type: [KeyScopeEnum], description: 'The scopes of the key.', resolve: (_, __, ctx) => [...ctx.viewer.scopes] }),
    workspace: t.field({ type: Workspace, description: 'The workspace of the key.', resolve: (_, __, ctx) => findViewerWorkspace(ctx) }),
    limits: t.field({ type: Limits, description: 'The limits and the current usage.', resolve: () => ({}) }),
  }),
})

async function findOwnKey(ctx: GraphQLContext) {
  const key = await findKey(ctx, ctx.viewer.keyId)
  if (!key) throw new Error('the key of the caller is missing')
  return key
}

builder.queryField('viewer', (t) => t.field({ type: Viewer, description: "The caller of the API, with the caller's permissions.", resolve: () => ({}) }))

builder.queryField('workspaces', (t) =>
  t.connection(
    {
      type: Workspace,
      description: 'All workspaces, oldest first. Only the bootstrap key can list workspaces.',
      resolve: (_, args, ctx) => unwrapPage(listWorkspaces(ctx, args)),
    },
    {
      name: 'WorkspaceConnection',
      description: 'A page of workspaces.',
      fields: (c) => ({ totalCount: c.int({ description: 'The number of workspaces on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { name: 'WorkspaceEdge', description: 'A workspace and its place in the list.' },
  ),
)

const CreateWorkspaceInput = builder.inputType('CreateWorkspaceInput', {
  description: 'The input for a new workspace.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'The name of the workspace: 1 to 100 visible characters.' }),
    idempotencyKey: t.string({ description: describeIdempotencyKey('workspace') }),
  }),
})

const CreateWorkspaceSuccess = builder.objectRef<{ created: CreatedKey & { workspace: WorkspaceRow } }>('CreateWorkspaceSuccess').implement({
  description: 'The new workspace and its first key.',
  fields: (t) => ({
    workspace: t.field({ type: Workspace, description: 'The workspace.', resolve: ({ created }) => created.workspace }),
    key: t.field({ type: Key, description: 'The first key of the workspace, with every scope.', resolve: ({ created }) => created.key }),
    secret: t.string({
      nullable: true,
      description:
        'The secret of the key. The server shows the secret once, and again under the same conditions as the secret of `createKey`; null for later repetitions.',
      resolve: ({ created }) => created.secret,
    }),
  }),
})
const CreateWorkspaceResult = resultUnion('CreateWorkspace', 'The new workspace, or the reason for the refusal.', CreateWorkspaceSuccess, [
  ValidationError,
  IdempotencyConflictError,
  NotAuthorizedError,
])

builder.mutationField('createWorkspace', (t) =>
  t.field({
    type: CreateWorkspaceResult,
    description: 'Creates a workspace and its first key. Only the bootstrap key can create workspaces.',
    args: { input: t.arg({ type: CreateWorkspaceInput, required: true, description: 'The workspace.' }) },
    resolve: (_, { input }, ctx) => createWorkspace(ctx, input).then(asResult('created')),
  }),
)
