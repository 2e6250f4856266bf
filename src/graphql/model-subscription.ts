import { ExpectedError, InvalidCursorError, ModelNotFoundError } from '../domain/errors.ts'
import { isModelTerminal } from '../domain/model-lifecycle.ts'
import { watchModels } from '../domain/subscription.ts'
import { encodeEventCursor } from '../lifecycle/event-cursor.ts'
import { builder } from './builder.ts'
import { ModelKindEnum } from './model.ts'
import { toModel } from './model-action.ts'
import { ModelStageEnum, ModelStatusEnum } from './model-status.ts'
import { Model, ModelStatusChange } from './refs.ts'
import { toStream } from './result.ts'

ModelStatusChange.implement({
  description: "One line of a custom model's log: its creation, a step of its building, another name, its end.",
  fields: (t) => ({
    modelId: t.globalID({
      description: 'The `id` of the model, also when it has been deleted.',
      resolve: ({ kind, modelId }) => ({ type: kind === 'ACOUSTIC' ? 'AcousticModel' : 'LanguageModel', id: modelId }),
    }),
    model: t.field({
      type: Model,
      nullable: true,
      description: 'The model as it is now, which may be further than this change; null when it has been deleted.',
      resolve: ({ kind, modelId }, _, ctx) => ctx.loadChosenModel(kind, modelId),
    }),
    kind: t.expose('kind', { type: ModelKindEnum, description: 'Acoustic or language.' }),
    status: t.expose('status', { type: ModelStatusEnum, description: 'The status after the change.' }),
    previousStatus: t.expose('previousStatus', {
      type: ModelStatusEnum,
      nullable: true,
      description: "The status before; null for a model's creation.",
    }),
    isTerminal: t.boolean({ description: 'True when nothing more will happen by itself.', resolve: ({ status }) => isModelTerminal(status) }),
    stage: t.expose('stage', { type: ModelStageEnum, nullable: true, description: 'What building is doing; null when it is not at work.' }),
    progress: t.exposeFloat('progress', { description: 'Of the whole building, 0 to 1.' }),
    message: t.exposeString('message', { description: 'For people: what has just happened.' }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When.' }),
    sequence: t.exposeInt('sequence', { description: "Counts the model's changes from 1, without a gap." }),
    cursor: t.string({ description: 'Give this as `after` to go on behind this change.', resolve: (event) => encodeEventCursor('model', event) }),
  }),
})

const ModelStatusChangedResult = builder.unionType('ModelStatusChangedResult', {
  description: 'A change, or the reason why there is nothing to watch; after that the stream ends.',
  types: [ModelStatusChange, ModelNotFoundError, InvalidCursorError],
  resolveType: (result) => (result instanceof ExpectedError ? (result.constructor.name as never) : 'ModelStatusChange'),
})

builder.subscriptionField('modelStatusChanged', (t) =>
  t.field({
    type: ModelStatusChangedResult,
    description: `Changes of custom models in order, none twice, none missing.

Of one model (\`modelId\`): its newest change first, then every later one; the stream ends after a terminal one.

Of all of the workspace (no \`modelId\`): every change from now on, without end; to join a list without a gap, give the list's \`changesCursor\` as \`after\`.`,
    args: {
      modelId: t.arg.id({ description: 'The `id` of a custom model; left out, all of the workspace are watched.' }),
      after: t.arg.string({ description: 'The `cursor` of the last change that was seen: the stream goes on behind it.' }),
    },
    subscribe: (_, { modelId, after }, ctx) => watchModels(ctx, { after, ...(modelId == null ? {} : toModel(modelId)) }).then(toStream),
    resolve: (event) => event as never,
  }),
)
