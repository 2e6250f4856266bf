import { ExpectedError, InvalidCursorError } from '../domain/errors.ts'
import { ModelNotFoundError } from '../domain/model-errors.ts'
import { isModelTerminal } from '../domain/model-lifecycle.ts'
import { watchModels } from '../domain/subscription.ts'
import { encodeEventCursor } from '../lifecycle/event-cursor.ts'
import { builder } from './builder.ts'
import { ModelKindEnum, ModelStageEnum, ModelStatusEnum } from './model-enum.ts'
import { decodeModelId } from './node-id.ts'
import { Model, ModelStatusChange } from './refs.ts'
import { addWatchedField } from './watched-field.ts'

ModelStatusChange.implement({
  description: 'An entry in the log of a custom model: the creation, a build step, a new name, the end.',
  fields: (t) => ({
    modelId: t.globalID({
      description: 'The `id` of the model, even after its deletion.',
      resolve: ({ kind, modelId }) => ({ type: kind === 'ACOUSTIC' ? 'AcousticModel' : 'LanguageModel', id: modelId }),
    }),
    model: t.field({
      type: Model,
      nullable: true,
      description: 'The current state of the model, which can be newer than this change; null after the deletion of the model.',
      resolve: ({ kind, modelId }, _, ctx) => ctx.loadChosenModel(kind, modelId),
    }),
    kind: t.expose('kind', { type: ModelKindEnum, description: 'The kind of the model.' }),
    status: t.expose('status', { type: ModelStatusEnum, description: 'The status after the change.' }),
    previousStatus: t.expose('previousStatus', {
      type: ModelStatusEnum,
      nullable: true,
      description: 'The status before the change; null for the creation of a model.',
    }),
    isTerminal: t.boolean({ description: 'True when only a request can cause another status change.', resolve: ({ status }) => isModelTerminal(status) }),
    stage: t.expose('stage', { type: ModelStageEnum, nullable: true, description: 'The stage of the build; null when no build is running.' }),
    progress: t.exposeFloat('progress', { description: 'The progress of the whole build, 0 to 1.' }),
    message: t.exposeString('message', { description: 'The description of the change, for people.' }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'The time of the change.' }),
    sequence: t.exposeInt('sequence', { description: 'The number of the change in the log of the model. The numbers start at 1 and have no gaps.' }),
    cursor: t.string({
      description: 'The position of the change. A subscription with this value as `after` continues behind this change.',
      resolve: (event) => encodeEventCursor('model', event),
    }),
  }),
})

const ModelStatusChangedResult = builder.unionType('ModelStatusChangedResult', {
  description: 'A change, or the reason for the refusal of the subscription. The stream ends after a refusal.',
  types: [ModelStatusChange, ModelNotFoundError, InvalidCursorError],
  resolveType: (result) => (result instanceof ExpectedError ? (result.constructor.name as never) : 'ModelStatusChange'),
})

addWatchedField('modelStatusChanged', {
  type: ModelStatusChangedResult,
  description: `The changes of custom models in order, without duplicates or gaps.

With \`modelId\`, the stream sends the newest change of the model first, then every later change. The stream ends after a terminal change.

Without \`modelId\`, the stream sends every new change of all models of the workspace, without end. To join a list without a gap, pass the \`changesCursor\` of the list as \`after\`.`,
  args: builder.args((t) => ({
    modelId: t.id({ description: 'The `id` of a custom model. Without this argument, the stream covers all models of the workspace.' }),
    after: t.string({ description: 'The `cursor` of the last change that the subscriber saw. The stream continues behind this change.' }),
  })),
  watch: ({ modelId, after }, ctx) => watchModels(ctx, { after, ...(modelId == null ? {} : decodeModelId(modelId)) }),
})
