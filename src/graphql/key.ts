import { type CreatedKey, createKey, listKeys, revokeKey } from '../access/key.ts'
import { keptAfterEndDays, shownAgainMinutes } from '../access/key-validity.ts'
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
import type { KeyRow } from '../postgres/access-tables.ts'
import { builder } from './builder.ts'
import { decodeNodeId } from './node-id.ts'
import { unwrapPage } from './pagination.ts'
import { asResult, describeIdempotencyKey, resultUnion } from './result.ts'

export const KeyScopeEnum = builder.enumType('KeyScope', {
  description: 'The permission that a key grants.',
  values: {
    MANAGE: { description: 'Read and change everything in the workspace.' },
    READ: { description: 'Read everything in the workspace.' },
    RECOGNIZE: { description: 'Send audio to endpoints. A key with only this scope has no access to this API.' },
  } as const,
})

export const Key = builder.objectRef<KeyRow>('Key')
builder.node(Key, {
  description: 'A credential for a program. The server shows the secret once, at the creation of the key, and stores only a hash.',
  isTypeOf: (value) => 'secretHash' in (value as object),
  id: { resolve: (key) => key.id },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The display name of the key.' }),
    prefix: t.exposeString('prefix', { description: 'The beginning of the secret, which helps to identify the key.' }),
    scopes: t.expose('scopes', { type: [KeyScopeEnum], description: 'The scopes of the key.' }),
    isBootstrap: t.exposeBoolean('isBootstrap', {
      description: 'True for a key that can create workspaces: the key of the first start, or a key configured as BOOTSTRAP_KEY.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The creation time.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true, description: 'The expiry time; null when the key does not expire.' }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time of the last use, to a minute; null when the key has not been used.',
    }),
    revokedAt: t.expose('revokedAt', { type: 'DateTime', nullable: true, description: 'The time of the revocation; null when the key is not revoked.' }),
  }),
})

const KeyFilterInput = builder.inputType('KeyFilter', {
  description: 'A filter for keys. A key must match every given condition.',
  fields: (t) => ({
    isActive: t.boolean({ description: 'True for valid keys, false for revoked or expired keys.' }),
  }),
})

builder.queryField('keys', (t) =>
  t.connection(
    {
      type: Key,
      description: `The workspace's keys, newest first. Revoked or expired keys stay in the list for ${keptAfterEndDays} days.`,
      args: { where: t.arg({ type: KeyFilterInput, description: 'Only keys that match.' }) },
      resolve: (_, args, ctx) => unwrapPage(listKeys(ctx, args)),
    },
    {
      name: 'KeyConnection',
      description: 'A page of keys.',
      fields: (c) => ({ totalCount: c.int({ description: 'The number of keys on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { name: 'KeyEdge', description: 'A key and its place in the list.' },
  ),
)

const CreateKeyInput = builder.inputType('CreateKeyInput', {
  description: 'The properties of a new key.',
  fields: (t) => ({
    workspaceId: t.id({
      description:
        "The `id` of the key's workspace. The default is the workspace of the caller. Only the bootstrap key can create a key for another workspace.",
    }),
    name: t.string({ required: true, description: 'The name: 1 to 100 visible characters.' }),
    scopes: t.field({ type: [KeyScopeEnum], required: true, description: 'The scopes of the key, at least one.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'The expiry time. A null or omitted value means that the key does not expire.' }),
    idempotencyKey: t.string({ description: describeIdempotencyKey('key') }),
  }),
})

const CreateKeySuccess = builder.objectRef<{ created: CreatedKey }>('CreateKeySuccess').implement({
  description: 'The server has created the key.',
  fields: (t) => ({
    key: t.field({ type: Key, description: 'The new key.', resolve: ({ created }) => created.key }),
    secret: t.string({
      nullable: true,
      description: `The secret to send as \`Authorization: Bearer …\`. The server shows the secret once. For ${shownAgainMinutes} minutes, a repeated request from the same caller with the same idempotency key returns the secret again. Later repetitions return null. A lost secret cannot be recovered: revoke the key and create another key.`,
      resolve: ({ created }) => created.secret,
    }),
  }),
})
const CreateKeyResult = resultUnion('CreateKey', 'The new key, or the error that prevented the creation.', CreateKeySuccess, [
  ValidationError,
  QuotaExceededError,
  WorkspaceNotFoundError,
  IdempotencyConflictError,
  NotAuthorizedError,
])

builder.mutationField('createKey', (t) =>
  t.field({
    type: CreateKeyResult,
    description: 'Creates a key.',
    args: { input: t.arg({ type: CreateKeyInput, required: true, description: 'The new key.' }) },
    resolve: (_, { input: { workspaceId, ...input } }, ctx) =>
      createKey(ctx, { ...input, workspaceId: workspaceId == null ? undefined : decodeNodeId('Workspace', workspaceId) }).then(asResult('created')),
  }),
)

const RevokeKeySuccess = builder.objectRef<{ key: KeyRow }>('RevokeKeySuccess').implement({
  description: 'The key is no longer valid.',
  fields: (t) => ({ key: t.expose('key', { type: Key, description: 'The revoked key.' }) }),
})
const RevokeKeyResult = resultUnion('RevokeKey', 'The revoked key, or the error that prevented the revocation.', RevokeKeySuccess, [
  KeyNotFoundError,
  LastManageKeyError,
  KeyConfiguredError,
  NotAuthorizedError,
])

builder.mutationField('revokeKey', (t) =>
  t.field({
    type: RevokeKeyResult,
    description:
      'Revokes a key permanently and closes the open sockets of the key within a second. Revoking a revoked key succeeds. The last key with the scope MANAGE and a key configured as BOOTSTRAP_KEY cannot be revoked.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a key.' }) },
    resolve: (_, { id }, ctx) => revokeKey(ctx, decodeNodeId('Key', id)).then(asResult('key')),
  }),
)
