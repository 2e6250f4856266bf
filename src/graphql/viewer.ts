import { type CreatedKey, findKey } from '../access/key.ts'
import { createWorkspace, findViewerWorkspace, listWorkspaces } from '../access/workspace.ts'
import { IdempotencyConflictError, NotAuthorizedError, ValidationError } from '../domain/errors.ts'
import type { WorkspaceRow } from '../postgres/tables.ts'
import { builder, type GraphQLContext } from './builder.ts'
import { unwrapPage } from './connection.ts'
import { Key, KeyScopeEnum } from './key.ts'
import { asResult, describeIdempotencyKey, resultUnion } from './result.ts'
import { Limits } from './viewer-limits.ts'

const Workspace = builder.objectRef<WorkspaceRow>('Workspace')
builder.node(Workspace, {
  description: 'Owns deployments, models and keys. Workspaces see nothing of each other.',
  isTypeOf: (value) => 'position' in (value as object) && !('deploymentId' in (value as object)),
  id: { resolve: (workspace) => workspace.id },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What people call it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  }),
})

const Viewer = builder.objectRef<object>('Viewer').implement({
  description: 'Who is asking.',
  fields: (t) => ({
    key: t.field({ type: Key, description: 'The key that they came with.', resolve: (_, __, ctx) => findOwnKey(ctx) }),
    scopes: t.field({ type: [KeyScopeEnum], description: 'What it may do.', resolve: (_, __, ctx) => [...ctx.viewer.scopes] }),
    workspace: t.field({ type: Workspace, description: 'The workspace that it opens.', resolve: (_, __, ctx) => findViewerWorkspace(ctx) }),
    limits: t.field({ type: Limits, description: 'What may be used, and how much of it is.', resolve: () => ({}) }),
  }),
})

async function findOwnKey(ctx: GraphQLContext) {
  const key = await findKey(ctx, ctx.viewer.keyId)
  if (!key) throw new Error('the key of the caller is missing')
  return key
}

builder.queryField('viewer', (t) => t.field({ type: Viewer, description: 'Who is asking, and what they may do.', resolve: () => ({}) }))

builder.queryField('workspaces', (t) =>
  t.connection(
    {
      type: Workspace,
      description: 'All workspaces, oldest first. Only the bootstrap key may list them.',
      resolve: (_, args, ctx) => unwrapPage(listWorkspaces(ctx, args)),
    },
    {
      name: 'WorkspaceConnection',
      description: 'A page of workspaces.',
      fields: (c) => ({ totalCount: c.int({ description: 'How many there are on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { name: 'WorkspaceEdge', description: 'A workspace and its place in the list.' },
  ),
)

const CreateWorkspaceInput = builder.inputType('CreateWorkspaceInput', {
  description: 'A new workspace.',
  fields: (t) => ({
    name: t.string({ required: true, description: '1 to 100 visible characters.' }),
    idempotencyKey: t.string({ description: describeIdempotencyKey('workspace') }),
  }),
})

const CreateWorkspaceSuccess = builder.objectRef<{ created: CreatedKey & { workspace: WorkspaceRow } }>('CreateWorkspaceSuccess').implement({
  description: 'The new workspace and its first key.',
  fields: (t) => ({
    workspace: t.field({ type: Workspace, description: 'The workspace.', resolve: ({ created }) => created.workspace }),
    key: t.field({ type: Key, description: 'Its first key, with every scope.', resolve: ({ created }) => created.key }),
    secret: t.string({
      nullable: true,
      description: "The key's secret. It is shown this once, and again as that of `createKey` is; null for later repetitions.",
      resolve: ({ created }) => created.secret,
    }),
  }),
})
const CreateWorkspaceResult = resultUnion('CreateWorkspace', 'The new workspace, or the reason why there is none.', CreateWorkspaceSuccess, [
  ValidationError,
  IdempotencyConflictError,
  NotAuthorizedError,
])

builder.mutationField('createWorkspace', (t) =>
  t.field({
    type: CreateWorkspaceResult,
    description: 'Makes a workspace and its first key. Only the bootstrap key may.',
    args: { input: t.arg({ type: CreateWorkspaceInput, required: true, description: 'The workspace.' }) },
    resolve: (_, { input }, ctx) => createWorkspace(ctx, input).then(asResult('created')),
  }),
)
