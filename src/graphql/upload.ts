import { NotAuthorizedError, UploadNotFoundError } from '../domain/errors.ts'
import { deleteUpload, listUploads } from '../domain/upload.ts'
import type { UploadRow } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { unwrapPage } from './connection.ts'
import { decodeNodeId } from './node-id.ts'
import { asResult, resultUnion } from './result.ts'

const UploadKindEnum = builder.enumType('UploadKind', {
  description: 'What a file can be used for.',
  values: {
    TEXT: { description: 'The text of a language model (`PUT /uploads?kind=text`).' },
    RECORDINGS: { description: 'Recordings with transcripts to measure a language model (`kind=recordings`).' },
    ACOUSTIC_MODEL: { description: 'The archive of an acoustic model (`kind=acoustic-model`).' },
  } as const,
})

const Upload = builder.objectRef<UploadRow>('Upload')
builder.node(Upload, {
  description: 'A file that was sent to make models from. It can be used for a day; the same file sent again is the same upload, for another day.',
  isTypeOf: (value) => 'sha256' in (value as object),
  id: { resolve: ({ id }) => id },
  fields: (t) => ({
    kind: t.expose('kind', { type: UploadKindEnum, description: 'What it can be used for.' }),
    sizeBytes: t.float({ description: 'Its size in bytes, unpacked; a whole number.', resolve: ({ size }) => size }),
    sha256: t.exposeString('sha256', { description: 'The SHA-256 of its content, in hex.' }),
    lines: t.exposeInt('lines', { nullable: true, description: 'Lines of a text; null for other kinds.' }),
    skippedLines: t.exposeInt('skippedLines', { nullable: true, description: 'Lines of a text without a word; null for other kinds.' }),
    isUsed: t.boolean({
      description: 'True when a model was made from it; from then on it does not count against the limit.',
      resolve: ({ usedAt }) => usedAt !== null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it came first.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'Until when it can be used.' }),
  }),
})

builder.queryField('uploads', (t) =>
  t.connection(
    {
      type: Upload,
      description: "The workspace's uploads that can still be used, newest first.",
      resolve: (_, args, ctx) => unwrapPage(listUploads(ctx, args)),
    },
    {
      name: 'UploadConnection',
      description: 'A page of uploads.',
      fields: (c) => ({ totalCount: c.int({ description: 'How many there are on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { name: 'UploadEdge', description: 'An upload and its place in the list.' },
  ),
)

const DeleteUploadSuccess = builder.objectRef<{ deleted: { id: string } }>('DeleteUploadSuccess').implement({
  description: 'The upload is gone.',
  fields: (t) => ({ deletedId: t.globalID({ description: 'The `id` that it had.', resolve: ({ deleted }) => ({ type: 'Upload', id: deleted.id }) }) }),
})
const DeleteUploadResult = resultUnion('DeleteUpload', 'That the upload is gone, or the reason why it is not.', DeleteUploadSuccess, [
  UploadNotFoundError,
  NotAuthorizedError,
])

builder.mutationField('deleteUpload', (t) =>
  t.field({
    type: DeleteUploadResult,
    description:
      'Deletes an upload. Models that were made from it stay as they are; the file can be sent again. A deleted upload leaves no record, so deleting it once more answers UploadNotFoundError: it is gone.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of an upload.' }) },
    resolve: (_, { id }, ctx) => deleteUpload(ctx, decodeNodeId('Upload', id)).then(asResult('deleted')),
  }),
)
