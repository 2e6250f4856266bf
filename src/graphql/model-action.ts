import {
  DuplicateModelNameError,
  ModelInUseError,
  ModelNotFoundError,
  ModelSequenceMismatchError,
  ModelStatusConflictError,
  NotAuthorizedError,
  ValidationError,
} from '../domain/errors.ts'
import { acceptLicense, cancelModel, deleteModel, type OwnModel, retryModel, updateModel } from '../domain/model-action.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { decodeNodeId, typeOfNodeId } from './node-id.ts'
import { Model } from './refs.ts'
import { asResult, resultUnion } from './result.ts'

/** Whichever kind of model the id is of. */
export const toModel = (id: string): OwnModel => {
  const type = typeOfNodeId(id)
  return { kind: type === 'AcousticModel' ? 'ACOUSTIC' : 'LANGUAGE', id: decodeNodeId(type === 'AcousticModel' ? type : 'LanguageModel', id) }
}

const withModel = (name: string, description: string, field: string) =>
  builder.objectRef<{ model: ModelRow }>(name).implement({ description, fields: (t) => ({ model: t.expose('model', { type: Model, description: field }) }) })

const UpdateModelInput = builder.inputType('UpdateModelInput', {
  description: 'What to change of a custom model.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The `id` of a custom model.' }),
    name: t.string({ description: 'The new name; null or left out, it stays.' }),
    description: t.string({ description: 'The new description; null or left out, it stays.' }),
    ifSequence: t.int({ description: 'The `sequence` that you last saw. If the model has changed since then, nothing is changed.' }),
  }),
})

const UpdateModelSuccess = withModel('UpdateModelSuccess', 'The model is as it was asked to be.', 'The model after the change.')
const UpdateModelResult = resultUnion('UpdateModel', 'The changed model, or the reason why it is unchanged.', UpdateModelSuccess, [
  ModelNotFoundError,
  ValidationError,
  DuplicateModelNameError,
  ModelSequenceMismatchError,
  NotAuthorizedError,
])

builder.mutationField('updateModel', (t) =>
  t.field({
    type: UpdateModelResult,
    description: 'Changes the name or the description of a custom model, whatever its status.',
    args: { input: t.arg({ type: UpdateModelInput, required: true, description: 'What to change.' }) },
    resolve: (_, { input }, ctx) => updateModel(ctx, { ...input, ...toModel(input.id) }).then(asResult('model')),
  }),
)

const CancelModelSuccess = withModel('CancelModelSuccess', 'The model is CANCELED.', 'The canceled model.')
const CancelModelResult = resultUnion('CancelModel', 'The canceled model, or the reason why it is not.', CancelModelSuccess, [
  ModelNotFoundError,
  ModelStatusConflictError,
  NotAuthorizedError,
])

builder.mutationField('cancelModel', (t) =>
  t.field({
    type: CancelModelResult,
    description: 'Ends the building of a model. Canceling what is canceled already succeeds.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a model that is QUEUED or BUILDING.' }) },
    resolve: (_, { id }, ctx) => cancelModel(ctx, toModel(id)).then(asResult('model')),
  }),
)

const RetryModelSuccess = withModel('RetryModelSuccess', 'The model is QUEUED again, under the same id.', 'The model.')
const RetryModelResult = resultUnion('RetryModel', 'The model, or the reason why it is not tried again.', RetryModelSuccess, [
  ModelNotFoundError,
  ModelStatusConflictError,
  NotAuthorizedError,
])

builder.mutationField('retryModel', (t) =>
  t.field({
    type: RetryModelResult,
    description: 'Builds a FAILED or CANCELED model anew, from what it was given.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a model that is FAILED or CANCELED.' }) },
    resolve: (_, { id }, ctx) => retryModel(ctx, toModel(id)).then(asResult('model')),
  }),
)

const DeleteModelSuccess = builder.objectRef<{ deleted: OwnModel }>('DeleteModelSuccess').implement({
  description: 'The model is gone.',
  fields: (t) => ({
    deletedId: t.globalID({
      description: 'The `id` that it had.',
      resolve: ({ deleted }) => ({ type: deleted.kind === 'ACOUSTIC' ? 'AcousticModel' : 'LanguageModel', id: deleted.id }),
    }),
  }),
})
const DeleteModelResult = resultUnion('DeleteModel', 'That the model is gone, or the reason why it is not.', DeleteModelSuccess, [
  ModelNotFoundError,
  ModelInUseError,
  NotAuthorizedError,
])

builder.mutationField('deleteModel', (t) =>
  t.field({
    type: DeleteModelResult,
    description: 'Deletes a custom model that no deployment is made of. Deleting it once more within a week succeeds as well.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a custom model.' }) },
    resolve: (_, { id }, ctx) => deleteModel(ctx, toModel(id)).then(asResult('deleted')),
  }),
)

const AcceptLicenseSuccess = withModel('AcceptLicenseSuccess', "The workspace has accepted the model's license.", 'The model.')
const AcceptLicenseResult = resultUnion('AcceptLicense', 'The model, or the reason why its license is not accepted.', AcceptLicenseSuccess, [
  ModelNotFoundError,
  NotAuthorizedError,
])

builder.mutationField('acceptLicense', (t) =>
  t.field({
    type: AcceptLicenseResult,
    description:
      'Accepts, for the workspace, the license of a model that asks for it (`licenseUrl`), and of all others under it. Nothing of such a model is downloaded before.',
    args: { modelId: t.arg.id({ required: true, description: 'The `id` of the model.' }) },
    resolve: (_, { modelId }, ctx) => acceptLicense(ctx, toModel(modelId)).then(asResult('model')),
  }),
)
