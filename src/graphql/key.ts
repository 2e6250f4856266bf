import { type CreatedKey, createKey, listKeys, revokeKey } from '../access/key.ts'
import {
  IdempotencyConflictError,
  KeyConfiguredError,
  KeyNotFoundError,
  LastManageKeyError,
  NotAuthorizedError,
  QuotaExceededError,
  ValidationError,
  WorkspaceNotFoundError,
} from '../domain/errors.ts'
import { keptAfterEndDays, shownAgainMinutes } from '../domain/retention.ts'
import type { KeyRow } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { unwrapPage } from './connection.ts'
import { decodeNodeId } from './node-id.ts'
import { asResult, describeIdempotencyKey, resultUnion } from './result.ts'

export const KeyScopeEnum = builder.enumType('KeyScope', {
  description: 'What a key may do.',
  values: {
    MANAGE: { description: 'Read and change everything in the workspace.' },
    READ: { description: 'Read everything in the workspace.' },
    RECOGNIZE: { description: 'Send audio to endpoints. A key with this alone sees nothing of this API.' },
  } as const,
})

export const Key = builder.objectRef<KeyRow>('Key')
builder.node(Key, {
  description: 'What lets a program in. Its secret is shown once, when it is made; only a hash is kept.',
  isTypeOf: (value) => 'secretHash' in (value as object),
  id: { resolve: (key) => key.id },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What people call it.' }),
    prefix: t.exposeString('prefix', { description: 'The beginning of its secret, to tell keys apart.' }),
    scopes: t.expose('scopes', { type: [KeyScopeEnum], description: 'What it may do.' }),
    isBootstrap: t.exposeBoolean('isBootstrap', {
      description: 'True for a key that may make workspaces: the one of the first start, or one that is configured as BOOTSTRAP_KEY.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true, description: 'When it ends by itself; null when never.' }),
    lastUsedAt: t.expose('lastUsedAt', { type: 'DateTime', nullable: true, description: 'When it was last used, to a minute; null when never.' }),
    revokedAt: t.expose('revokedAt', { type: 'DateTime', nullable: true, description: 'When it was revoked; null while it was not.' }),
  }),
})

const KeyFilterInput = builder.inputType('KeyFilter', {
  description: 'Only keys that match everything given here.',
  fields: (t) => ({
    isActive: t.boolean({ description: 'True for keys that open the workspace, false for those that were revoked or have expired.' }),
  }),
})

builder.queryField('keys', (t) =>
  t.connection(
    {
      type: Key,
      description: `The workspace's keys, newest first. Those that were revoked or have expired stay in the list for ${keptAfterEndDays} days.`,
      args: { where: t.arg({ type: KeyFilterInput, description: 'Only keys that match.' }) },
      resolve: (_, args, ctx) => unwrapPage(listKeys(ctx, args)),
    },
    {
      name: 'KeyConnection',
      description: 'A page of keys.',
      fields: (c) => ({ totalCount: c.int({ description: 'How many there are on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { name: 'KeyEdge', description: 'A key and its place in the list.' },
  ),
)

const CreateKeyInput = builder.inputType('CreateKeyInput', {
  description: 'What a new key may do.',
  fields: (t) => ({
    workspaceId: t.id({
      description: 'The `id` of the workspace that the key opens; the workspace of the caller if left out. Only the bootstrap key may name another one.',
    }),
    name: t.string({ required: true, description: '1 to 100 visible characters.' }),
    scopes: t.field({ type: [KeyScopeEnum], required: true, description: 'At least one.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it shall end by itself; null or left out, never.' }),
    idempotencyKey: t.string({ description: describeIdempotencyKey('key') }),
  }),
})

const CreateKeySuccess = builder.objectRef<{ created: CreatedKey }>('CreateKeySuccess').implement({
  description: 'The new key.',
  fields: (t) => ({
    key: t.field({ type: Key, description: 'The key.', resolve: ({ created }) => created.key }),
    secret: t.string({
      nullable: true,
      description: `What to send as \`Authorization: Bearer …\`. It is shown this once, and for ${shownAgainMinutes} minutes to a repetition under the same idempotency key and from the same caller; null for later ones. A secret that was lost cannot be shown: revoke the key and make another one.`,
      resolve: ({ created }) => created.secret,
    }),
  }),
})
const CreateKeyResult = resultUnion('CreateKey', 'The new key, or the reason why there is none.', CreateKeySuccess, [
  ValidationError,
  QuotaExceededError,
  WorkspaceNotFoundError,
  IdempotencyConflictError,
  NotAuthorizedError,
])

builder.mutationField('createKey', (t) =>
  t.field({
    type: CreateKeyResult,
    description: 'Makes a key.',
    args: { input: t.arg({ type: CreateKeyInput, required: true, description: 'What it may do.' }) },
    resolve: (_, { input: { workspaceId, ...input } }, ctx) =>
      createKey(ctx, { ...input, workspaceId: workspaceId == null ? undefined : decodeNodeId('Workspace', workspaceId) }).then(asResult('created')),
  }),
)

const RevokeKeySuccess = builder.objectRef<{ key: KeyRow }>('RevokeKeySuccess').implement({
  description: 'The key opens nothing any more.',
  fields: (t) => ({ key: t.expose('key', { type: Key, description: 'The revoked key.' }) }),
})
const RevokeKeyResult = resultUnion('RevokeKey', 'The revoked key, or the reason why it is not.', RevokeKeySuccess, [
  KeyNotFoundError,
  LastManageKeyError,
  KeyConfiguredError,
  NotAuthorizedError,
])

builder.mutationField('revokeKey', (t) =>
  t.field({
    type: RevokeKeyResult,
    description:
      'Ends a key for ever, its open sockets within a second. Revoking a revoked one succeeds. The last key with the scope MANAGE, and a key that is configured as BOOTSTRAP_KEY, cannot be revoked.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a key.' }) },
    resolve: (_, { id }, ctx) => revokeKey(ctx, decodeNodeId('Key', id)).then(asResult('key')),
  }),
)
