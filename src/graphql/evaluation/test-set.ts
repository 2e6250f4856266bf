import { audioUrlOf, findTestSet, listTestItems, listTestSets, secondsOf } from '../../evaluation/test-set.ts'
import { isTestSetTerminal } from '../../evaluation/test-set-lifecycle.ts'
import type { TestSetFailure } from '../../postgres/evaluation/evaluation-tables.ts'
import { builder } from '../builder.ts'
import { decodeNodeId } from '../node-id.ts'
import { unwrapPage } from '../pagination.ts'
import { TestItem, TestSet, TestSetStatusEnum } from './refs.ts'

const TestSetFailureType = builder.objectRef<TestSetFailure>('TestSetFailure').implement({
  description: 'The reason why the import of a test set failed.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'The kind of failure, for programs.' }),
    message: t.exposeString('message', { description: 'The description of the failure and of the remedy, for people.' }),
    problems: t.stringList({
      description: 'A sentence for each problem of the upload, at most 50. Each sentence names the line or the recording.',
      resolve: ({ problems }) => problems ?? [],
    }),
  }),
})

TestItem.implement({
  description: 'A recording of a test set, with its transcript.',
  fields: (t) => ({
    number: t.exposeInt('number', { description: 'The number of the recording in the test set, from 1.' }),
    name: t.exposeString('name', { description: 'The name of the file in the upload.' }),
    transcript: t.exposeString('transcript', { description: 'The transcript of the upload.' }),
    durationSeconds: t.float({ description: 'The duration of the recording in seconds.', resolve: secondsOf }),
    audioUrl: t.field({
      type: 'URL',
      description: 'The URL of the audio, a WAV file. A GET request needs a key with the scope READ as `Authorization: Bearer`. The server supports ranges.',
      resolve: (item, _, ctx) => audioUrlOf(ctx, item),
    }),
  }),
})

builder.node(TestSet, {
  description: 'Recordings with transcripts. An evaluation recognizes the recordings and counts the word errors.',
  isTypeOf: (value) => 'audio' in (value as object) && 'source' in (value as object),
  id: { resolve: ({ id }) => id },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name of the test set.' }),
    description: t.exposeString('description', { description: 'The description of the test set.' }),
    locale: t.expose('locale', { type: 'Locale', description: 'The locale of the recordings.' }),
    status: t.expose('status', { type: TestSetStatusEnum, description: 'The status of the import.' }),
    isTerminal: t.boolean({ description: 'True when the import has ended.', resolve: ({ status }) => isTestSetTerminal(status) }),
    progress: t.exposeFloat('progress', { description: 'The progress of the import, 0 to 1.' }),
    message: t.exposeString('message', { description: 'The description of the last change, for people.' }),
    failure: t.expose('failure', { type: TestSetFailureType, nullable: true, description: 'The reason for the status FAILED; otherwise null.' }),
    itemCount: t.exposeInt('items', { description: 'The number of recordings; 0 before the status READY.' }),
    durationSeconds: t.exposeFloat('seconds', { description: 'The duration of all recordings in seconds; 0 before the status READY.' }),
    words: t.exposeInt('words', { description: 'The number of words in the transcripts; 0 before the status READY.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: "The time of the test set's creation." }),
    completedAt: t.expose('completedAt', { type: 'DateTime', nullable: true, description: 'The time of the status READY or FAILED; otherwise null.' }),
    items: t.connection(
      {
        type: TestItem,
        description: 'The recordings in the order of the upload.',
        resolve: (testSet, args, ctx) => unwrapPage(listTestItems(ctx, testSet, args)),
      },
      {
        name: 'TestItemConnection',
        description: 'A page of recordings.',
        fields: (c) => ({ totalCount: c.int({ description: 'The number of recordings on all pages.', resolve: (page) => page.totalCount() }) }),
      },
      { name: 'TestItemEdge', description: 'A recording and its place in the list.' },
    ),
  }),
})

const TestSetFilterInput = builder.inputType('TestSetFilter', {
  description: 'A filter for test sets.',
  fields: (t) => ({ locale: t.field({ type: 'Locale', description: 'Only test sets for this locale.' }) }),
})

builder.queryField('testSets', (t) =>
  t.connection(
    {
      type: TestSet,
      description: 'The test sets of the workspace, newest first.',
      args: { where: t.arg({ type: TestSetFilterInput, description: 'Only test sets that match.' }) },
      resolve: (_, args, ctx) => unwrapPage(listTestSets(ctx, args)),
    },
    {
      name: 'TestSetConnection',
      description: 'A page of test sets.',
      fields: (c) => ({ totalCount: c.int({ description: 'The number of test sets on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { name: 'TestSetEdge', description: 'A test set and its place in the list.' },
  ),
)

builder.queryField('testSet', (t) =>
  t.field({
    type: TestSet,
    nullable: true,
    description: 'A test set; null when the workspace has no test set with this id.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a test set.' }) },
    resolve: (_, { id }, ctx) => findTestSet(ctx, decodeNodeId('TestSet', id)),
  }),
)
