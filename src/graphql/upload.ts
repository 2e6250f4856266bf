import { NotAuthorizedError, UploadNotFoundError } from '../domain/errors.ts'
import { deleteUpload, listUploads } from '../domain/upload.ts'
import type { UploadRow } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { decodeNodeId } from './node-id.ts'
import { unwrapPage } from './pagination.ts'
import { asResult, resultUnion } from './result.ts'

const UploadKindEnum = builder.enumType('UploadKind', {
  description: 'The use of an uploaded file.',
  values: {
    TEXT: { description: 'The text of a language model (`PUT /uploads?kind=text`).' },
    RECORDINGS: { description: 'Recordings with transcripts, for test sets and for measuring a language model (`kind=recordings`).' },
    ACOUSTIC_MODEL: { description: 'The archive of an acoustic model (`kind=acoustic-model`).' },
  } as const,
})

const Upload = builder.objectRef<UploadRow>('Upload')
builder.node(Upload, {
  description:
    'A file that a client sent as the input for models and test sets. An upload can be used for a day. Sending the same file again returns the same upload and renews it for another day.',
  isTypeOf: (value) => 'sha256' in (value as object),
  id: { resolve: ({ id }) => id },
  fields: (t) => ({
    kind: t.expose('kind', { type: UploadKindEnum, description: 'The use of the upload.' }),
    sizeBytes: t.float({ description: 'The unpacked size in bytes; a whole number.', resolve: ({ size }) => size }),
    sha256: t.exposeString('sha256', { description: 'The SHA-256 of the content, in hex.' }),
    lines: t.exposeInt('lines', { nullable: true, description: 'The number of lines of a text; null for other kinds.' }),
    skippedLines: t.exposeInt('skippedLines', { nullable: true, description: 'The number of lines of a text without a word; null for other kinds.' }),
    isUsed: t.boolean({
      description: 'True when a model or a test set was made from the upload. A used upload does not count against the limit on the number of uploads.',
      resolve: ({ usedAt }) => usedAt !== null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The time at which the server first received the file.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'The time until which the upload can be used.' }),
  }),
})

builder.queryField('uploads', (t) =>
  t.connection(
    {
      type: Upload,
      description: 'The unexpired uploads of the workspace, newest first.',
      resolve: (_, args, ctx) => unwrapPage(listUploads(ctx, args)),
    },
    {
      name: 'UploadConnection',
      description: 'A page of uploads.',
      fields: (c) => ({ totalCount: c.int({ description: 'The number of uploads on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { name: 'UploadEdge', description: 'An upload and its place in the list.' },
  ),
)

const DeleteUploadSuccess = builder.objectRef<{ deleted: { id: string } }>('DeleteUploadSuccess').implement({
  description: 'The upload is deleted.',
  fields: (t) => ({
    deletedId: t.globalID({ description: 'The `id` of the deleted upload.', resolve: ({ deleted }) => ({ type: 'Upload', id: deleted.id }) }),
  }),
})
const DeleteUploadResult = resultUnion('DeleteUpload', 'The `id` of the deleted upload, or the reason for the refusal.', DeleteUploadSuccess, [
  UploadNotFoundError,
  NotAuthorizedError,
])

builder.mutationField('deleteUpload', (t) =>
  t.field({
    type: DeleteUploadResult,
    description:
      'Deletes an upload. Models and test sets made from the upload stay unchanged. A client can send the file again. A deleted upload leaves no record, so repeating the deletion returns UploadNotFoundError.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of an upload.' }) },
    resolve: (_, { id }, ctx) => deleteUpload(ctx, decodeNodeId('Upload', id)).then(asResult('deleted')),
  }),
)
