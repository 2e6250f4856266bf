import {
  DiskQuotaExceededError,
  IdempotencyConflictError,
  NotAuthorizedError,
  QuotaExceededError,
  UploadNotFoundError,
  ValidationError,
} from '../../domain/errors.ts'
import { DuplicateTestSetNameError, TestSetInUseError, TestSetNotFoundError } from '../../evaluation/errors.ts'
import { createTestSet, deleteTestSet, type NewTestSet } from '../../evaluation/test-set-creation.ts'
import type { TestSetRow } from '../../postgres/evaluation/evaluation-tables.ts'
import { builder } from '../builder.ts'
import { decodeNodeId } from '../node-id.ts'
import { asResult, describeIdempotencyKey, resultUnion } from '../result.ts'
import { TestSet } from './refs.ts'

const CreateTestSetInput = builder.inputType('CreateTestSetInput', {
  description: 'The properties of a new test set.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'The name: 1 to 100 visible characters, unique among the test sets of the locale.' }),
    description: t.string({ description: 'The description: up to 1,000 characters.' }),
    locale: t.field({ type: 'Locale', required: true, description: 'A locale that `locales` lists.' }),
    uploadId: t.id({
      required: true,
      description:
        'The `id` that `PUT /uploads?kind=recordings` returned. The upload is a zip of recordings (WAV, MP3, M4A, FLAC, Ogg, WebM and others) and one table: a .tsv (file name, tab, transcript), or a manifest (.jsonl) with one line for each recording, an object with `audio_filepath` and `text`.',
    }),
    idempotencyKey: t.string({ description: describeIdempotencyKey('test set') }),
  }),
})

const toNewTestSet = (input: typeof CreateTestSetInput.$inferInput): NewTestSet => ({ ...input, uploadId: decodeNodeId('Upload', input.uploadId) })

const CreateTestSetSuccess = builder.objectRef<{ testSet: TestSetRow }>('CreateTestSetSuccess').implement({
  description: 'The server has recorded the test set. A worker reads the recordings next.',
  fields: (t) => ({ testSet: t.expose('testSet', { type: TestSet, description: 'The new test set, with the status QUEUED.' }) }),
})
const CreateTestSetResult = resultUnion('CreateTestSet', 'The new test set, or the reason for the refusal.', CreateTestSetSuccess, [
  ValidationError,
  UploadNotFoundError,
  DuplicateTestSetNameError,
  QuotaExceededError,
  DiskQuotaExceededError,
  IdempotencyConflictError,
  NotAuthorizedError,
])

builder.mutationField('createTestSet', (t) =>
  t.field({
    type: CreateTestSetResult,
    description:
      'Creates a test set from an upload. The subscription `testSetStatusChanged` reports the progress. An upload with invalid lines ends as FAILED, and `failure` names all of them.',
    args: { input: t.arg({ type: CreateTestSetInput, required: true, description: 'The test set.' }) },
    resolve: (_, { input }, ctx) => createTestSet(ctx, toNewTestSet(input)).then(asResult('testSet')),
  }),
)

const DeleteTestSetSuccess = builder.objectRef<{ deleted: { id: string } }>('DeleteTestSetSuccess').implement({
  description: 'The test set and its evaluations are deleted.',
  fields: (t) => ({
    deletedId: t.globalID({ description: 'The `id` of the deleted test set.', resolve: ({ deleted }) => ({ type: 'TestSet', id: deleted.id }) }),
  }),
})
const DeleteTestSetResult = resultUnion('DeleteTestSet', 'The `id` of the deleted test set, or the reason for the refusal.', DeleteTestSetSuccess, [
  TestSetNotFoundError,
  TestSetInUseError,
  NotAuthorizedError,
])

builder.mutationField('deleteTestSet', (t) =>
  t.field({
    type: DeleteTestSetResult,
    description: 'Deletes a test set, its recordings and its evaluations. The server refuses the deletion while an evaluation is unfinished.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a test set.' }) },
    resolve: (_, { id }, ctx) => deleteTestSet(ctx, decodeNodeId('TestSet', id)).then(asResult('deleted')),
  }),
)
