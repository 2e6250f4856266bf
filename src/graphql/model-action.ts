import { NotAuthorizedError, ValidationError } from '../domain/errors.ts'
import { acceptLicense, cancelModel, deleteModel, type OwnModel, retryModel, updateModel } from '../domain/model-action.ts'
import { DuplicateModelNameError, ModelInUseError, ModelNotFoundError, ModelSequenceMismatchError, ModelStatusConflictError } from '../domain/model-errors.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { decodeModelId } from './node-id.ts'
import { Model } from './refs.ts'
import { asResult, resultUnion } from './result.ts'

const withModel = (name: string, description: string, field: string) =>
  builder.objectRef<{ model: ModelRow }>(name).implement({ description, fields: (t) => ({ model: t.expose('model', { type: Model, description: field }) }) })

const UpdateModelInput = builder.inputType('UpdateModelInput', {
  description: 'The changes to a custom model.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The `id` of a custom model.' }),
    name: t.string({ description: 'The new name. A null or absent value keeps the current name.' }),
    description: t.string({ description: 'The new description. A null or absent value keeps the current description.' }),
    ifSequence: t.int({ description: 'The last `sequence` that the client saw. If the model has changed since then, the mutation changes nothing.' }),
  }),
})

const UpdateModelSuccess = withModel('UpdateModelSuccess', 'The update succeeded.', 'The model after the change.')
const UpdateModelResult = resultUnion('UpdateModel', 'The updated model, or the reason for the refusal.', UpdateModelSuccess, [
  ModelNotFoundError,
  ValidationError,
  DuplicateModelNameError,
  ModelSequenceMismatchError,
  NotAuthorizedError,
])

builder.mutationField('updateModel', (t) =>
  t.field({
    type: UpdateModelResult,
    description: 'Changes the name or the description of a custom model in any status.',
    args: { input: t.arg({ type: UpdateModelInput, required: true, description: 'The changes to the model.' }) },
    resolve: (_, { input }, ctx) => updateModel(ctx, { ...input, ...decodeModelId(input.id) }).then(asResult('model')),
  }),
)

const CancelModelSuccess = withModel('CancelModelSuccess', 'The status of the model is CANCELED.', 'The canceled model.')
const CancelModelResult = resultUnion('CancelModel', 'The canceled model, or the reason for the refusal.', CancelModelSuccess, [
  ModelNotFoundError,
  ModelStatusConflictError,
  NotAuthorizedError,
])

builder.mutationField('cancelModel', (t) =>
  t.field({
    type: CancelModelResult,
    description: 'Cancels the build of a model. Canceling a CANCELED model succeeds.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a model that is QUEUED or BUILDING.' }) },
    resolve: (_, { id }, ctx) => cancelModel(ctx, decodeModelId(id)).then(asResult('model')),
  }),
)

const RetryModelSuccess = withModel('RetryModelSuccess', 'The status of the model is QUEUED again. The `id` of the model stays the same.', 'The model.')
const RetryModelResult = resultUnion('RetryModel', 'The model, or the reason for the refusal of the retry.', RetryModelSuccess, [
  ModelNotFoundError,
  ModelStatusConflictError,
  NotAuthorizedError,
])

builder.mutationField('retryModel', (t) =>
  t.field({
    type: RetryModelResult,
    description: 'Retries the build of a FAILED or CANCELED model from its original input.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a model that is FAILED or CANCELED.' }) },
    resolve: (_, { id }, ctx) => retryModel(ctx, decodeModelId(id)).then(asResult('model')),
  }),
)

const DeleteModelSuccess = builder.objectRef<{ deleted: OwnModel }>('DeleteModelSuccess').implement({
  description: 'The model is deleted.',
  fields: (t) => ({
    deletedId: t.globalID({
      description: 'The `id` of the deleted model.',
      resolve: ({ deleted }) => ({ type: deleted.kind === 'ACOUSTIC' ? 'AcousticModel' : 'LanguageModel', id: deleted.id }),
    }),
  }),
})
const DeleteModelResult = resultUnion('DeleteModel', 'The `id` of the deleted model, or the reason for the refusal.', DeleteModelSuccess, [
  ModelNotFoundError,
  ModelInUseError,
  NotAuthorizedError,
])

builder.mutationField('deleteModel', (t) =>
  t.field({
    type: DeleteModelResult,
    description: 'Deletes a custom model that no deployment uses. Repeating the deletion within a week succeeds as well.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a custom model.' }) },
    resolve: (_, { id }, ctx) => deleteModel(ctx, decodeModelId(id)).then(asResult('deleted')),
  }),
)

const AcceptLicenseSuccess = withModel('AcceptLicenseSuccess', "The workspace has accepted the model's license.", 'The model.')
const AcceptLicenseResult = resultUnion('AcceptLicense', 'The model, or the reason for the refusal.', AcceptLicenseSuccess, [
  ModelNotFoundError,
  NotAuthorizedError,
])

builder.mutationField('acceptLicense', (t) =>
  t.field({
    type: AcceptLicenseResult,
    description:
      'Accepts, for the workspace, the license of a model that requires acceptance (`licenseUrl`). The acceptance covers all models under the same license. The server downloads no files of such a model before the acceptance.',
    args: { modelId: t.arg.id({ required: true, description: 'The `id` of the model.' }) },
    resolve: (_, { modelId }, ctx) => acceptLicense(ctx, decodeModelId(modelId)).then(asResult('model')),
  }),
)
