import {
  DiskQuotaExceededError,
  IdempotencyConflictError,
  NotAuthorizedError,
  QuotaExceededError,
  UploadNotFoundError,
  ValidationError,
} from '../domain/errors.ts'
import { createAcousticModel, createLanguageModel, type NewAcousticModel, type NewLanguageModel } from '../domain/model-creation.ts'
import { DuplicateModelNameError, LicenseNotAcceptedError, ModelNotFoundError } from '../domain/model-errors.ts'
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
  description: 'A term whose spoken form differs from its written form.',
  fields: (t) => ({
    spoken: t.string({ required: true, description: 'The spoken form, as words, such as "pee bee ex". Up to 100 characters.' }),
    written: t.string({ required: true, description: 'The written form, such as "PBX". Up to 100 characters.' }),
  }),
})

const CreateLanguageModelInput = builder.inputType('CreateLanguageModelInput', {
  description: 'The input for a custom language model. Either `text` or `uploadId` is required.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: "The name of the model: 1 to 100 visible characters, unique among the workspace's language models of the locale.",
    }),
    description: t.string({ description: 'The description of the model. Up to 1,000 characters.' }),
    locale: t.field({ type: 'Locale', required: true, description: 'The locale of the base model.' }),
    baseModelId: t.id({ required: true, description: 'The `id` of the base language model. The base model determines the scenario.' }),
    text: t.string({ description: 'Typical utterances of the subject field, one utterance per line. Up to 1 MB.' }),
    uploadId: t.id({ description: 'The `id` that `PUT /uploads?kind=text` returned, for larger texts.' }),
    pronunciations: t.field({ type: [PronunciationInput], description: 'Up to 1,000 terms whose spoken form differs from their written form.' }),
    phrases: t.stringList({ description: 'Up to 1,000 of the most important phrases. Each phrase counts as ten lines of the text.' }),
    recordingsUploadId: t.id({
      description:
        'The `id` that `PUT /uploads?kind=recordings` returned. The upload is a zip of recordings (WAV, MP3, M4A, FLAC, Ogg, WebM and others) and one .tsv (file name, tab, transcript). One half of the recordings serves to choose the weight of the custom words. The other half serves to measure their effect on recognition.',
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
  description: 'The server has recorded the model. The model waits for its training.',
  fields: (t) => ({ model: t.expose('model', { type: LanguageModel, description: 'The new model, with the status QUEUED.' }) }),
})
const CreateLanguageModelResult = resultUnion(
  'CreateLanguageModel',
  'The new language model, or the reason for the refusal.',
  CreateLanguageModelSuccess,
  refusals,
)

builder.mutationField('createLanguageModel', (t) =>
  t.field({
    type: CreateLanguageModelResult,
    description:
      'Creates a language model from text. The subscription `modelStatusChanged` reports the status changes of the model. Only a READY model can be deployed. A repeated request without an `idempotencyKey` returns DuplicateModelNameError with the model that has the name.',
    args: { input: t.arg({ type: CreateLanguageModelInput, required: true, description: 'The input for the model.' }) },
    resolve: (_, { input }, ctx) => createLanguageModel(ctx, toNewLanguageModel(input)).then(asResult('model')),
  }),
)

const AcousticModelSource = builder.inputType('AcousticModelSource', {
  description: 'The location of the archive (.tar.gz) with encoder_model.onnx and decoder_model_merged.onnx. Exactly one field is required.',
  isOneOf: true,
  fields: (t) => ({
    uploadId: t.id({ description: 'The `id` that `PUT /uploads?kind=acoustic-model` returned.' }),
    httpsUrl: t.field({
      type: 'URL',
      description:
        'An https: address on the internet, without a user name or password. The query can contain a signature: `AcousticModel.source` shows only the host, and failures never show the query.',
    }),
    npmPackage: t.string({ description: 'The name and exact version of a package in the npm registry that the server is configured with: @scope/name@1.2.3.' }),
  }),
})

const CreateAcousticModelInput = builder.inputType('CreateAcousticModelInput', {
  description: 'The input for a custom acoustic model: a base model with further training, in the same ONNX form.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: "The name of the model: 1 to 100 visible characters, unique among the workspace's acoustic models of the locale.",
    }),
    description: t.string({ description: 'The description of the model. Up to 1,000 characters.' }),
    locale: t.field({ type: 'Locale', required: true, description: 'The locale of the base model.' }),
    baseModelId: t.id({
      required: true,
      description: 'The `id` of the base acoustic model that the training started from. The base model determines the scenario.',
    }),
    source: t.field({ type: AcousticModelSource, required: true, description: 'The location of the model files.' }),
    sha256: t.string({ description: 'The SHA-256 of the archive in hex, for verifying the archive.' }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
})

const toNewAcousticModel = ({ baseModelId, source, ...input }: typeof CreateAcousticModelInput.$inferInput): NewAcousticModel => ({
  ...input,
  baseModelId: decodeNodeId('AcousticModel', baseModelId),
  source: { ...source, ...('uploadId' in source && source.uploadId != null ? { uploadId: decodeNodeId('Upload', source.uploadId) } : {}) },
})

const CreateAcousticModelSuccess = builder.objectRef<{ model: ModelRow }>('CreateAcousticModelSuccess').implement({
  description: 'The server has recorded the model. The server fetches and checks the model files next.',
  fields: (t) => ({ model: t.expose('model', { type: AcousticModel, description: 'The new model, with the status QUEUED.' }) }),
})
const CreateAcousticModelResult = resultUnion(
  'CreateAcousticModel',
  'The new acoustic model, or the reason for the refusal.',
  CreateAcousticModelSuccess,
  refusals,
)

builder.mutationField('createAcousticModel', (t) =>
  t.field({
    type: CreateAcousticModelResult,
    description:
      'Imports a custom acoustic model. The subscription `modelStatusChanged` reports the status changes of the model. The model can be deployed when its status is READY.',
    args: { input: t.arg({ type: CreateAcousticModelInput, required: true, description: 'The location and the base model of the acoustic model.' }) },
    resolve: (_, { input }, ctx) => createAcousticModel(ctx, toNewAcousticModel(input)).then(asResult('model')),
  }),
)
