import {
  DeploymentNotFoundError,
  DuplicateDeploymentNameError,
  IncompatibleModelsError,
  SequenceMismatchError,
  StatusConflictError,
} from '../domain/deployment-errors.ts'
import {
  DiskQuotaExceededError,
  type ExpectedError,
  type FieldError,
  IdempotencyConflictError,
  InvalidCursorError,
  KeyConfiguredError,
  KeyNotFoundError,
  LastManageKeyError,
  NotAuthorizedError,
  QuotaExceededError,
  SessionNotFoundError,
  UploadNotFoundError,
  ValidationError,
  WorkspaceNotFoundError,
} from '../domain/errors.ts'
import {
  DuplicateModelNameError,
  LicenseNotAcceptedError,
  ModelInUseError,
  ModelNotFoundError,
  ModelNotReadyError,
  ModelSequenceMismatchError,
  ModelStatusConflictError,
} from '../domain/model-errors.ts'
import { builder } from './builder.ts'
import { DeploymentStatusEnum } from './deployment-status.ts'
import { KeyScopeEnum } from './key.ts'
import { ModelStatusEnum } from './model-enum.ts'
import { AcousticModel, Deployment, LanguageModel, Model } from './refs.ts'

export const ErrorInterface = builder.interfaceRef<ExpectedError>('Error').implement({
  description: 'A rejected request and the reason. Every error in a union implements this interface, including errors that later versions add.',
  resolveType: (error) => error.constructor.name,
  fields: (t) => ({
    message: t.exposeString('message', { description: 'A human-readable message that describes the problem and the next step.' }),
    code: t.exposeString('code', { description: 'A machine-readable code that stays the same when the message changes.' }),
    path: t.exposeString('path', { nullable: true, description: 'The input field that caused the error; null when no field caused the error.' }),
  }),
})
const interfaces = [ErrorInterface]

const FieldErrorType = builder.objectRef<FieldError>('FieldError').implement({
  description: 'A problem with one field of the input.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'The path of the field, such as `name`. Dots join the names of nested fields.' }),
    message: t.exposeString('message', { description: 'A human-readable message that describes the requirement for the field.' }),
  }),
})

builder.objectType(ValidationError, {
  name: 'ValidationError',
  description: 'The input has invalid fields. The error lists all invalid fields.',
  interfaces,
  fields: (t) => ({
    fieldErrors: t.field({ type: [FieldErrorType], description: 'One entry for each invalid field.', resolve: (error) => error.fieldErrors }),
  }),
})

builder.objectType(NotAuthorizedError, {
  name: 'NotAuthorizedError',
  description: 'The key does not have permission for this operation.',
  interfaces,
  fields: (t) => ({
    requiredScope: t.expose('requiredScope', {
      type: KeyScopeEnum,
      nullable: true,
      description: 'The missing scope; null when the operation requires the bootstrap key.',
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
  description: 'The build of a chosen model is unfinished or failed. Only a READY model can be deployed or evaluated.',
  interfaces,
  fields: (t) => ({ model: t.expose('model', { type: Model, description: 'The model, with its status and progress.' }) }),
})

builder.objectType(LicenseNotAcceptedError, {
  name: 'LicenseNotAcceptedError',
  description: 'The license of a chosen model is not accepted. The client must call `acceptLicense` first.',
  interfaces,
  fields: (t) => ({ model: t.expose('model', { type: Model, description: 'The model, with its license.' }) }),
})

builder.objectType(DuplicateModelNameError, {
  name: 'DuplicateModelNameError',
  description: 'Another model of this kind and locale has a name that looks the same. The comparison ignores case.',
  interfaces,
  fields: (t) => ({ model: t.expose('model', { type: Model, description: 'The model with the same name.' }) }),
})

builder.objectType(ModelInUseError, {
  name: 'ModelInUseError',
  description: 'Deployments use the model.',
  interfaces,
  fields: (t) => ({
    deployments: t.expose('deployments', { type: [Deployment], description: 'The deployments that use the model, at most 20, sorted by name.' }),
  }),
})

builder.objectType(ModelStatusConflictError, {
  name: 'ModelStatusConflictError',
  description: 'The status of the model does not allow this operation.',
  interfaces,
  fields: (t) => ({ status: t.expose('status', { type: ModelStatusEnum, description: 'The current status of the model.' }) }),
})

builder.objectType(ModelSequenceMismatchError, {
  name: 'ModelSequenceMismatchError',
  description: 'The model has changed since the caller last read the model.',
  interfaces,
  fields: (t) => ({ model: t.expose('model', { type: Model, description: 'The current state of the model.' }) }),
})

builder.objectType(UploadNotFoundError, {
  name: 'UploadNotFoundError',
  description: 'The workspace has no upload with this id, or the upload is of the wrong kind.',
  interfaces,
})

const IncompatibilityReason = builder.enumType('IncompatibilityReason', {
  description: 'The reason for the incompatibility of two models.',
  values: {
    SCENARIO_MISMATCH: { description: 'One model is for conversations, the other model is for search and dictation.' },
    LOCALE_MISMATCH: { description: 'One model is not for the locale of the deployment.' },
  } as const,
})

builder.objectType(IncompatibleModelsError, {
  name: 'IncompatibleModelsError',
  description: 'The chosen models do not fit each other or the locale. The error lists the models that fit.',
  interfaces,
  fields: (t) => ({
    reason: t.field({ type: IncompatibilityReason, description: 'The reason for the incompatibility.', resolve: ({ facts }) => facts.reason }),
    acousticModel: t.field({ type: AcousticModel, description: 'The chosen acoustic model.', resolve: ({ facts }) => facts.acousticModel }),
    languageModel: t.field({ type: LanguageModel, description: 'The chosen language model.', resolve: ({ facts }) => facts.languageModel }),
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
  description: 'Another deployment of this locale has a name that looks the same. The comparison ignores case.',
  interfaces,
})

builder.objectType(DeploymentNotFoundError, { name: 'DeploymentNotFoundError', description: 'The workspace has no deployment with this id.', interfaces })

builder.objectType(QuotaExceededError, {
  name: 'QuotaExceededError',
  description: 'The workspace has reached the maximum number of objects of this kind.',
  interfaces,
  fields: (t) => ({
    limit: t.exposeInt('limit', { description: 'The maximum number of objects.' }),
    used: t.exposeInt('used', { description: 'The current number of objects.' }),
  }),
})

builder.objectType(DiskQuotaExceededError, {
  name: 'DiskQuotaExceededError',
  description: "The workspace's uploads, custom models and test sets have reached the limit in bytes.",
  interfaces,
  fields: (t) => ({
    limitBytes: t.exposeFloat('limitBytes', { description: 'The number of bytes that the workspace can store, as a whole number.' }),
    usedBytes: t.exposeFloat('usedBytes', { description: 'The number of bytes that the workspace stores, as a whole number.' }),
    unusedUploadBytes: t.exposeFloat('unusedUploadBytes', {
      description: 'The number of bytes in uploads that no model or test set uses, as a whole number. `deleteUpload` frees these bytes.',
    }),
  }),
})

builder.objectType(IdempotencyConflictError, {
  name: 'IdempotencyConflictError',
  description: 'An earlier request used the idempotency key with another input, or for an object that has since been deleted.',
  interfaces,
})

builder.objectType(StatusConflictError, {
  name: 'StatusConflictError',
  description: 'The status of the deployment does not allow this operation.',
  interfaces,
  fields: (t) => ({ status: t.expose('status', { type: DeploymentStatusEnum, description: 'The current status of the deployment.' }) }),
})

builder.objectType(SequenceMismatchError, {
  name: 'SequenceMismatchError',
  description: 'The deployment has changed since the caller last read the deployment.',
  interfaces,
  fields: (t) => ({ deployment: t.expose('deployment', { type: Deployment, description: 'The current state of the deployment.' }) }),
})

builder.objectType(KeyNotFoundError, { name: 'KeyNotFoundError', description: 'The workspace has no key with this id.', interfaces })

builder.objectType(SessionNotFoundError, {
  name: 'SessionNotFoundError',
  description: 'The workspace has no session with this id, or the session has ended.',
  interfaces,
})

builder.objectType(LastManageKeyError, {
  name: 'LastManageKeyError',
  description: 'The key is the last key of the workspace with the scope MANAGE.',
  interfaces,
})

builder.objectType(KeyConfiguredError, {
  name: 'KeyConfiguredError',
  description: 'A running server has the key configured as BOOTSTRAP_KEY. The key is valid as long as the server has this configuration.',
  interfaces,
})

builder.objectType(WorkspaceNotFoundError, { name: 'WorkspaceNotFoundError', description: 'No workspace has this id.', interfaces })

builder.objectType(InvalidCursorError, { name: 'InvalidCursorError', description: 'The cursor does not belong to this list or stream.', interfaces })
