import {
  DeploymentNotFoundError,
  DiskQuotaExceededError,
  DuplicateDeploymentNameError,
  DuplicateModelNameError,
  type ExpectedError,
  type FieldError,
  IdempotencyConflictError,
  IncompatibleModelsError,
  InvalidCursorError,
  KeyConfiguredError,
  KeyNotFoundError,
  LastManageKeyError,
  LicenseNotAcceptedError,
  ModelInUseError,
  ModelNotFoundError,
  ModelNotReadyError,
  ModelSequenceMismatchError,
  ModelStatusConflictError,
  NotAuthorizedError,
  QuotaExceededError,
  SequenceMismatchError,
  SessionNotFoundError,
  StatusConflictError,
  UploadNotFoundError,
  ValidationError,
  WorkspaceNotFoundError,
} from '../domain/errors.ts'
import { builder } from './builder.ts'
import { DeploymentStatusEnum } from './deployment-status.ts'
import { KeyScopeEnum } from './key.ts'
import { ModelStatusEnum } from './model-status.ts'
import { AcousticModel, Deployment, LanguageModel, Model } from './refs.ts'

const ErrorInterface = builder.interfaceRef<ExpectedError>('Error').implement({
  description: 'Something that was refused, and why. Every error in a union is one, also those that later versions add.',
  resolveType: (error) => error.constructor.name,
  fields: (t) => ({
    message: t.exposeString('message', { description: 'For people: what is wrong and what to do next.' }),
    code: t.exposeString('code', { description: 'For programs: stays the same when the message is reworded.' }),
    path: t.exposeString('path', { nullable: true, description: 'The field of the input that is to blame; null when none is.' }),
  }),
})
const interfaces = [ErrorInterface]

const FieldErrorType = builder.objectRef<FieldError>('FieldError').implement({
  description: 'What is wrong with one field of the input.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'The field, such as `name`; nested ones are joined by dots.' }),
    message: t.exposeString('message', { description: 'For people: what the field must be.' }),
  }),
})

builder.objectType(ValidationError, {
  name: 'ValidationError',
  description: 'Fields of the input that cannot be used: all of them, not only the first.',
  interfaces,
  fields: (t) => ({ fieldErrors: t.field({ type: [FieldErrorType], description: 'One entry for each bad field.', resolve: (error) => error.fieldErrors }) }),
})

builder.objectType(NotAuthorizedError, {
  name: 'NotAuthorizedError',
  description: 'The key may not do this.',
  interfaces,
  fields: (t) => ({
    requiredScope: t.expose('requiredScope', {
      type: KeyScopeEnum,
      nullable: true,
      description: 'The scope that is missing; null when only the bootstrap key may.',
    }),
  }),
})

builder.objectType(ModelNotFoundError, {
  name: 'ModelNotFoundError',
  description: 'A chosen model does not exist, is of the other kind, or belongs to another workspace.',
  interfaces,
})

builder.objectType(ModelNotReadyError, {
  name: 'ModelNotReadyError',
  description: 'A chosen model is still being built, or could not be: only one that is READY can be deployed.',
  interfaces,
  fields: (t) => ({ model: t.expose('model', { type: Model, description: 'The model, with its status and progress.' }) }),
})

builder.objectType(LicenseNotAcceptedError, {
  name: 'LicenseNotAcceptedError',
  description: 'The license of a chosen model has to be accepted first, with `acceptLicense`.',
  interfaces,
  fields: (t) => ({ model: t.expose('model', { type: Model, description: 'The model, with its license.' }) }),
})

builder.objectType(DuplicateModelNameError, {
  name: 'DuplicateModelNameError',
  description: 'Another model of this kind and locale has a name that looks the same; case does not count.',
  interfaces,
  fields: (t) => ({ model: t.expose('model', { type: Model, description: 'The one that has it.' }) }),
})

builder.objectType(ModelInUseError, {
  name: 'ModelInUseError',
  description: 'Deployments are made of the model.',
  interfaces,
  fields: (t) => ({ deployments: t.expose('deployments', { type: [Deployment], description: 'The deployments, at most 20, by name.' }) }),
})

builder.objectType(ModelStatusConflictError, {
  name: 'ModelStatusConflictError',
  description: 'The model is in a status in which this cannot be done.',
  interfaces,
  fields: (t) => ({ status: t.expose('status', { type: ModelStatusEnum, description: 'The status that it is in.' }) }),
})

builder.objectType(ModelSequenceMismatchError, {
  name: 'ModelSequenceMismatchError',
  description: 'The model has changed since the caller last read it.',
  interfaces,
  fields: (t) => ({ model: t.expose('model', { type: Model, description: 'The model as it is now.' }) }),
})

builder.objectType(UploadNotFoundError, {
  name: 'UploadNotFoundError',
  description: 'There is no such upload in this workspace, or not of the kind that is needed here.',
  interfaces,
})

const IncompatibilityReason = builder.enumType('IncompatibilityReason', {
  description: 'Why two models cannot be deployed together.',
  values: {
    SCENARIO_MISMATCH: { description: 'One is made for conversations, the other for search and dictation.' },
    LOCALE_MISMATCH: { description: 'One of them is not for the locale of the deployment.' },
  } as const,
})

builder.objectType(IncompatibleModelsError, {
  name: 'IncompatibleModelsError',
  description: 'The chosen models do not fit each other or the locale; what would fit instead.',
  interfaces,
  fields: (t) => ({
    reason: t.field({ type: IncompatibilityReason, description: 'Which rule they break.', resolve: ({ facts }) => facts.reason }),
    acousticModel: t.field({ type: AcousticModel, description: 'The acoustic model that was chosen.', resolve: ({ facts }) => facts.acousticModel }),
    languageModel: t.field({ type: LanguageModel, description: 'The language model that was chosen.', resolve: ({ facts }) => facts.languageModel }),
    compatibleAcousticModels: t.field({
      type: [AcousticModel],
      description: 'Acoustic models that fit the chosen language model and locale.',
      resolve: ({ facts }) => facts.compatibleAcousticModels,
    }),
    compatibleLanguageModels: t.field({
      type: [LanguageModel],
      description: 'Language models that fit the chosen acoustic model and locale.',
      resolve: ({ facts }) => facts.compatibleLanguageModels,
    }),
  }),
})

builder.objectType(DuplicateDeploymentNameError, {
  name: 'DuplicateDeploymentNameError',
  description: 'Another deployment of this locale has a name that looks the same; case does not count.',
  interfaces,
})

builder.objectType(DeploymentNotFoundError, { name: 'DeploymentNotFoundError', description: 'There is no such deployment in this workspace.', interfaces })

builder.objectType(QuotaExceededError, {
  name: 'QuotaExceededError',
  description: 'The workspace has as many as it may have.',
  interfaces,
  fields: (t) => ({
    limit: t.exposeInt('limit', { description: 'How many there may be.' }),
    used: t.exposeInt('used', { description: 'How many there are.' }),
  }),
})

builder.objectType(DiskQuotaExceededError, {
  name: 'DiskQuotaExceededError',
  description: "The workspace's uploads and custom models have as many bytes as they can have.",
  interfaces,
  fields: (t) => ({
    limitBytes: t.exposeFloat('limitBytes', { description: 'Bytes that the workspace can keep; a whole number.' }),
    usedBytes: t.exposeFloat('usedBytes', { description: 'Bytes that it keeps; a whole number.' }),
    unusedUploadBytes: t.exposeFloat('unusedUploadBytes', {
      description: 'Bytes of uploads that no model uses, which `deleteUpload` frees; a whole number.',
    }),
  }),
})

builder.objectType(IdempotencyConflictError, {
  name: 'IdempotencyConflictError',
  description: 'The idempotency key was used before, with another input or for something that has been deleted since.',
  interfaces,
})

builder.objectType(StatusConflictError, {
  name: 'StatusConflictError',
  description: 'The deployment is in a status in which this cannot be done.',
  interfaces,
  fields: (t) => ({ status: t.expose('status', { type: DeploymentStatusEnum, description: 'The status that it is in.' }) }),
})

builder.objectType(SequenceMismatchError, {
  name: 'SequenceMismatchError',
  description: 'The deployment has changed since the caller last saw it.',
  interfaces,
  fields: (t) => ({ deployment: t.expose('deployment', { type: Deployment, description: 'The deployment as it is now.' }) }),
})

builder.objectType(KeyNotFoundError, { name: 'KeyNotFoundError', description: 'There is no such key in this workspace.', interfaces })

builder.objectType(SessionNotFoundError, {
  name: 'SessionNotFoundError',
  description: 'There is no such session in this workspace, or it has ended.',
  interfaces,
})

builder.objectType(LastManageKeyError, {
  name: 'LastManageKeyError',
  description: 'The key is the last one of the workspace with the scope MANAGE.',
  interfaces,
})

builder.objectType(KeyConfiguredError, {
  name: 'KeyConfiguredError',
  description: 'A running server has the key as BOOTSTRAP_KEY: it is valid for as long as it is configured.',
  interfaces,
})

builder.objectType(WorkspaceNotFoundError, { name: 'WorkspaceNotFoundError', description: 'No workspace has this id.', interfaces })

builder.objectType(InvalidCursorError, { name: 'InvalidCursorError', description: 'The cursor did not come from this list or stream.', interfaces })
