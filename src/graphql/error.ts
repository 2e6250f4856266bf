import {
  DeploymentNotFoundError,
  DuplicateDeploymentNameError,
  type ExpectedError,
  type FieldError,
  IncompatibleModelsError,
  InvalidCursorError,
  ModelNotFoundError,
  ValidationError,
} from '../domain/errors.ts'
import { builder } from './builder.ts'
import { AcousticModel, LanguageModel } from './model.ts'

const ErrorInterface = builder.interfaceRef<ExpectedError>('Error').implement({
  description: 'Something that was refused, and why. Every error of every mutation and subscription is one.',
  resolveType: (error) => error.constructor.name,
  fields: (t) => ({
    message: t.exposeString('message', { description: 'For people: what is wrong and what to do next.' }),
    code: t.exposeString('code', { description: 'For programs: stays the same when the message is reworded.' }),
  }),
})

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
  interfaces: [ErrorInterface],
  fields: (t) => ({ fieldErrors: t.field({ type: [FieldErrorType], description: 'One entry for each bad field.', resolve: (error) => error.fieldErrors }) }),
})

builder.objectType(ModelNotFoundError, {
  name: 'ModelNotFoundError',
  description: 'A chosen model does not exist, is of the other kind, or belongs to another workspace.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ path: t.exposeString('path', { description: 'The field of the input that names the model.' }) }),
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
  interfaces: [ErrorInterface],
  fields: (t) => ({
    reason: t.expose('reason', { type: IncompatibilityReason, description: 'Which rule they break.' }),
    acousticModel: t.expose('acousticModel', { type: AcousticModel, description: 'The acoustic model that was chosen.' }),
    languageModel: t.expose('languageModel', { type: LanguageModel, description: 'The language model that was chosen.' }),
    compatibleAcousticModels: t.expose('compatibleAcousticModels', {
      type: [AcousticModel],
      description: 'Acoustic models that fit the chosen language model and locale.',
    }),
    compatibleLanguageModels: t.expose('compatibleLanguageModels', {
      type: [LanguageModel],
      description: 'Language models that fit the chosen acoustic model and locale.',
    }),
  }),
})

builder.objectType(DuplicateDeploymentNameError, {
  name: 'DuplicateDeploymentNameError',
  description: 'Another deployment of this locale has the name already; case does not count.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ path: t.exposeString('path', { description: 'The field of the input that must change.' }) }),
})

builder.objectType(DeploymentNotFoundError, {
  name: 'DeploymentNotFoundError',
  description: 'There is no such deployment in this workspace.',
  interfaces: [ErrorInterface],
})

builder.objectType(InvalidCursorError, {
  name: 'InvalidCursorError',
  description: 'The cursor did not come from this list or stream.',
  interfaces: [ErrorInterface],
})
