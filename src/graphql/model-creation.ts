import {
  DiskQuotaExceededError,
  DuplicateModelNameError,
  IdempotencyConflictError,
  LicenseNotAcceptedError,
  ModelNotFoundError,
  NotAuthorizedError,
  QuotaExceededError,
  UploadNotFoundError,
  ValidationError,
} from '../domain/errors.ts'
import { createAcousticModel, createLanguageModel, type NewAcousticModel, type NewLanguageModel } from '../domain/model-creation.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { decodeNodeId } from './node-id.ts'
import { AcousticModel, LanguageModel } from './refs.ts'
import { asResult, describeIdempotencyKey, resultUnion } from './result.ts'

const refusals = [
  ValidationError,
  ModelNotFoundError,
  UploadNotFoundError,
  DuplicateModelNameError,
  LicenseNotAcceptedError,
  QuotaExceededError,
  DiskQuotaExceededError,
  IdempotencyConflictError,
  NotAuthorizedError,
]

const idempotencyKeyDescription = describeIdempotencyKey('model')

const PronunciationInput = builder.inputType('PronunciationInput', {
  description: 'Something that is said otherwise than it is written.',
  fields: (t) => ({
    spoken: t.string({ required: true, description: 'What is said, as words, such as "pee bee ex". Up to 100 characters.' }),
    written: t.string({ required: true, description: 'What shall be written for it, such as "PBX". Up to 100 characters.' }),
  }),
})

const CreateLanguageModelInput = builder.inputType('CreateLanguageModelInput', {
  description: 'What a language model of your own is made from. Give either `text` or `uploadId`.',
  fields: (t) => ({
    name: t.string({ required: true, description: "1 to 100 visible characters, unique among the workspace's language models of the locale." }),
    description: t.string({ description: 'Up to 1,000 characters.' }),
    locale: t.field({ type: 'Locale', required: true, description: 'That of the base model.' }),
    baseModelId: t.id({ required: true, description: 'The `id` of the base language model to build on; it decides the scenario.' }),
    text: t.string({ description: 'What people say in your field, one utterance a line. Up to 1 MB.' }),
    uploadId: t.id({ description: 'The `id` that `PUT /uploads?kind=text` answered, for larger texts.' }),
    pronunciations: t.field({ type: [PronunciationInput], description: 'Up to 1,000 terms that are said otherwise than they are written.' }),
    phrases: t.stringList({ description: 'Up to 1,000 phrases that matter most; each counts as ten lines of the text.' }),
    recordingsUploadId: t.id({
      description:
        'The `id` that `PUT /uploads?kind=recordings` answered: a zip of recordings (WAV, MP3, M4A, FLAC, Ogg, WebM and others) and one .tsv (file name, tab, transcript). On half of them the weight of your words is chosen, on the other half it is measured what they are worth.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
})

const toNewLanguageModel = ({ baseModelId, uploadId, recordingsUploadId, ...input }: typeof CreateLanguageModelInput.$inferInput): NewLanguageModel => ({
  ...input,
  baseModelId: decodeNodeId('LanguageModel', baseModelId),
  uploadId: uploadId == null ? null : decodeNodeId('Upload', uploadId),
  recordingsUploadId: recordingsUploadId == null ? null : decodeNodeId('Upload', recordingsUploadId),
})

const CreateLanguageModelSuccess = builder.objectRef<{ model: ModelRow }>('CreateLanguageModelSuccess').implement({
  description: 'The model has been recorded and waits for its training.',
  fields: (t) => ({ model: t.expose('model', { type: LanguageModel, description: 'The new model, still QUEUED.' }) }),
})
const CreateLanguageModelResult = resultUnion(
  'CreateLanguageModel',
  'The new language model, or the reason why there is none.',
  CreateLanguageModelSuccess,
  refusals,
)

builder.mutationField('createLanguageModel', (t) =>
  t.field({
    type: CreateLanguageModelResult,
    description:
      'Makes a language model from your text. Watch it with `modelStatusChanged`; it can be deployed when it is READY, and not before. Sent again without an `idempotencyKey`, it answers that the name is taken, with the model that has it.',
    args: { input: t.arg({ type: CreateLanguageModelInput, required: true, description: 'What to make it from.' }) },
    resolve: (_, { input }, ctx) => createLanguageModel(ctx, toNewLanguageModel(input)).then(asResult('model')),
  }),
)

const AcousticModelSource = builder.inputType('AcousticModelSource', {
  description: 'Where the archive (.tar.gz) with encoder_model.onnx and decoder_model_merged.onnx is: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    uploadId: t.id({ description: 'The `id` that `PUT /uploads?kind=acoustic-model` answered.' }),
    httpsUrl: t.field({
      type: 'URL',
      description:
        'An https: address on the internet, without a user name or password. Its query may hold a signature: `AcousticModel.source` shows the host alone, and failures never show the query.',
    }),
    npmPackage: t.string({ description: 'A package of the npm registry that the server is set up with, and its exact version: @scope/name@1.2.3.' }),
  }),
})

const CreateAcousticModelInput = builder.inputType('CreateAcousticModelInput', {
  description: 'What an acoustic model of your own is made from: a base model that was trained further, in the same ONNX form.',
  fields: (t) => ({
    name: t.string({ required: true, description: "1 to 100 visible characters, unique among the workspace's acoustic models of the locale." }),
    description: t.string({ description: 'Up to 1,000 characters.' }),
    locale: t.field({ type: 'Locale', required: true, description: 'That of the base model.' }),
    baseModelId: t.id({ required: true, description: 'The `id` of the base acoustic model that it was trained from; it decides the scenario.' }),
    source: t.field({ type: AcousticModelSource, required: true, description: 'Where its files are.' }),
    sha256: t.string({ description: 'The SHA-256 of the archive in hex, to be sure that it is the right one.' }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
})

const toNewAcousticModel = ({ baseModelId, source, ...input }: typeof CreateAcousticModelInput.$inferInput): NewAcousticModel => ({
  ...input,
  baseModelId: decodeNodeId('AcousticModel', baseModelId),
  source: { ...source, ...('uploadId' in source && source.uploadId != null ? { uploadId: decodeNodeId('Upload', source.uploadId) } : {}) },
})

const CreateAcousticModelSuccess = builder.objectRef<{ model: ModelRow }>('CreateAcousticModelSuccess').implement({
  description: 'The model has been recorded; its files are to be fetched and checked.',
  fields: (t) => ({ model: t.expose('model', { type: AcousticModel, description: 'The new model, still QUEUED.' }) }),
})
const CreateAcousticModelResult = resultUnion(
  'CreateAcousticModel',
  'The new acoustic model, or the reason why there is none.',
  CreateAcousticModelSuccess,
  refusals,
)

builder.mutationField('createAcousticModel', (t) =>
  t.field({
    type: CreateAcousticModelResult,
    description: 'Brings an acoustic model of your own. Watch it with `modelStatusChanged`; it can be deployed when it is READY.',
    args: { input: t.arg({ type: CreateAcousticModelInput, required: true, description: 'Where it is and what it grew from.' }) },
    resolve: (_, { input }, ctx) => createAcousticModel(ctx, toNewAcousticModel(input)).then(asResult('model')),
  }),
)
