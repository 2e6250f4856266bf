import { keptEvents, listModelEvents } from '../domain/event-history.ts'
import { describeSource, findModel, isLicenseAccepted, listModels } from '../domain/model.ts'
import { isModelTerminal } from '../domain/model-lifecycle.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { ModelKindEnum, ModelStageEnum, ModelStatusEnum, ScenarioEnum } from './model-enum.ts'
import { EvaluationType, ModelFailureType, PronunciationType, TextStatisticsType } from './model-facts.ts'
import { decodeNodeId, typeOfNodeId } from './node-id.ts'
import { OrderDirectionEnum, selects, unwrapPage } from './pagination.ts'
import { AcousticModel, LanguageModel, Model, ModelStatusChange } from './refs.ts'

Model.implement({
  description: 'A part of a deployment: an acoustic model or a language model.',
  interfaces: [builder.nodeInterfaceRef()],
  resolveType: (model) => (model.kind === 'ACOUSTIC' ? 'AcousticModel' : 'LanguageModel'),
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name of the model, for people.' }),
    description: t.exposeString('description', { description: "The description of the model's purpose." }),
    kind: t.expose('kind', { type: ModelKindEnum, description: 'The kind of the model.' }),
    locale: t.expose('locale', { type: 'Locale', description: 'The locale of the speech that the model recognizes.' }),
    scenario: t.expose('scenario', { type: ScenarioEnum, description: 'The scenario of the model. Both models of a deployment must have the same scenario.' }),
    isBase: t.boolean({
      description: 'True for base models, which are always available. False for models created in this workspace.',
      resolve: (model) => model.workspaceId === null,
    }),
    license: t.exposeString('license', { description: "The SPDX identifier of the model's license." }),
    sizeBytes: t.float({
      description: "The total size of the model's files in bytes; a whole number.",
      resolve: (model) => model.files.reduce((sum, file) => sum + file.size, 0),
    }),
    licenseUrl: t.expose('licenseUrl', {
      type: 'URL',
      nullable: true,
      description:
        'The address of the license that the workspace must accept before a deployment of the model; null for a license that requires no acceptance.',
    }),
    isLicenseAccepted: t.boolean({
      description: 'True when the license requires no acceptance, or the workspace has accepted the license with `acceptLicense`.',
      resolve: (model, _, ctx) => isLicenseAccepted(ctx, model),
    }),
    baseModel: t.field({
      type: Model,
      nullable: true,
      description: 'The base model of a custom model; null for base models.',
      resolve: (model, _, ctx) => (model.baseModelId ? ctx.loadModel(model.baseModelId) : null),
    }),
    status: t.expose('status', { type: ModelStatusEnum, description: "The model's status. Base models are always READY." }),
    isTerminal: t.boolean({ description: 'True when only a request can cause another status change.', resolve: (model) => isModelTerminal(model.status) }),
    isReady: t.boolean({ description: 'True when the model can be deployed.', resolve: (model) => model.status === 'READY' }),
    stage: t.expose('stage', { type: ModelStageEnum, nullable: true, description: 'The stage of the build; null when no build is running.' }),
    progress: t.exposeFloat('progress', { description: 'The progress of the whole build, 0 to 1.' }),
    failure: t.expose('failure', { type: ModelFailureType, nullable: true, description: 'The reason why the build failed; null unless the status is FAILED.' }),
    queuePosition: t.int({
      nullable: true,
      description:
        'The queue position: the number of models of the same kind ahead of this model. The queue is first come, first served, and alternates between workspaces. Null unless the status is QUEUED.',
      resolve: (model, _, ctx) => (model.status === 'QUEUED' ? ctx.queuePositions.model(model.id) : null),
    }),
    timeline: t.connection(
      {
        type: ModelStatusChange,
        description: `The log of the model, oldest change first; empty for base models. A long log keeps the first change, the status changes and the newest ${keptEvents} changes.`,
        resolve: (model, args, ctx) => unwrapPage(listModelEvents(ctx, model, args)),
      },
      {
        name: 'ModelTimelineConnection',
        description: 'A page of the log of a model.',
        fields: (c) => ({ totalCount: c.int({ description: 'The number of changes on all pages.', resolve: (page) => page.totalCount() }) }),
      },
      { name: 'ModelTimelineEdge', description: 'A change and its place in the log.' },
    ),
    sequence: t.exposeInt('sequence', {
      description:
        'The number of the latest change of a custom model, counted from 1; 0 for base models. A mutation with this value as `ifSequence` changes only the version that the client saw.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: "The time of the model's creation on this server." }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: "The time of the model's last change." }),
    completedAt: t.expose('completedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time at which the model reached a terminal status; null before that time, and for base models.',
    }),
  }),
})

builder.node(AcousticModel, {
  description: 'A model that converts sound into words. Each acoustic model is trained on one kind of speech, the scenario of the model.',
  interfaces: [Model],
  isTypeOf: (model) => (model as ModelRow).kind === 'ACOUSTIC',
  id: { resolve: (model) => model.id },
  fields: (t) => ({
    compatibleLanguageModels: t.field({
      type: [LanguageModel],
      description: 'The language models that can be deployed with this model, sorted by name; at most 100.',
      resolve: (model, _, ctx) => ctx.loadFittingModels('LANGUAGE', model),
    }),
    source: t.string({
      nullable: true,
      description: 'The source of a custom model: a package with its version, a host, or the SHA-256 of an upload; null for base models.',
      resolve: (model) => describeSource(model.recipe),
    }),
  }),
})

builder.node(LanguageModel, {
  description: 'A model of the likely words and their written forms in one scenario.',
  interfaces: [Model],
  isTypeOf: (model) => (model as ModelRow).kind === 'LANGUAGE',
  id: { resolve: (model) => model.id },
  fields: (t) => ({
    compatibleAcousticModels: t.field({
      type: [AcousticModel],
      description: 'The acoustic models that can be deployed with this model, sorted by name; at most 100.',
      resolve: (model, _, ctx) => ctx.loadFittingModels('ACOUSTIC', model),
    }),
    statistics: t.expose('statistics', {
      type: TextStatisticsType,
      nullable: true,
      description: "Statistics of the model's text; null for base models, and before the status is READY.",
    }),
    evaluation: t.expose('evaluation', {
      type: EvaluationType,
      nullable: true,
      description: 'The effect of the model on the recognition of the recordings supplied with the model; null for a model without recordings.',
    }),
    pronunciations: t.field({
      type: [PronunciationType],
      description: 'The spoken forms of terms, with the written form of each.',
      resolve: (model) => model.recipe?.pronunciations ?? [],
    }),
    phrases: t.stringList({ description: 'Phrases with more weight than lines of the text.', resolve: (model) => model.recipe?.phrases ?? [] }),
  }),
})

const ModelFilter = builder.inputType('ModelFilter', {
  description: 'The conditions that the listed models match. A listed model matches all conditions.',
  fields: (t) => ({
    locale: t.field({ type: 'Locale', description: 'Selects models for this locale.' }),
    kind: t.field({ type: ModelKindEnum, description: 'Selects models of this kind.' }),
    scenario: t.field({ type: ScenarioEnum, description: 'Selects models of this scenario.' }),
    isBase: t.boolean({ description: 'The value true selects base models. The value false selects models created in this workspace.' }),
    statuses: t.field({ type: [ModelStatusEnum], description: 'Selects models in one of these statuses.' }),
    text: t.string({
      description:
        'Selects models with this text in their name or description. The comparison works as for names: case, invisible characters and compatibility forms do not count.',
    }),
  }),
})

const ModelOrder = builder.inputType('ModelOrder', {
  description: 'The sort order of models. Models with equal values are sorted by `id`.',
  fields: (t) => ({
    field: t.field({
      required: true,
      description: 'The sort field.',
      type: builder.enumType('ModelOrderField', {
        description: 'The fields that can sort models.',
        values: { CREATED_AT: { description: 'The time of creation.' }, NAME: { description: 'The name, in the same order as for deployments.' } } as const,
      }),
    }),
    direction: t.field({ required: true, description: 'The sort direction.', type: OrderDirectionEnum }),
  }),
})

builder.queryField('models', (t) =>
  t.connection(
    {
      type: Model,
      description: "The models that a deployment can use: base models and the workspace's custom models. The default order is by name.",
      args: {
        where: t.arg({ type: ModelFilter, description: 'The conditions that the listed models match.' }),
        orderBy: t.arg({ type: ModelOrder, description: 'The sort order of the models.' }),
      },
      resolve: (_, args, ctx, info) => unwrapPage(listModels(ctx, { ...args, withChangesCursor: selects(info, 'changesCursor') })),
    },
    {
      name: 'ModelConnection',
      description: 'A page of models.',
      fields: (c) => ({
        totalCount: c.int({ description: 'The number of models on all pages.', resolve: (page) => page.totalCount() }),
        changesCursor: c.string({
          description:
            'The position of this page in the log. The subscription `modelStatusChanged` with this value as `after` sends every change since the server read this page.',
          resolve: (page) => page.changesCursor ?? '',
        }),
      }),
    },
    { name: 'ModelEdge', description: 'A model and its place in the list.' },
  ),
)

builder.queryField('model', (t) =>
  t.field({
    type: Model,
    nullable: true,
    description: 'One model; null when this workspace has no model with this `id`.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a model.' }) },
    resolve: (_, { id }, ctx) => findModel(ctx, typeOfNodeId(id) === 'AcousticModel' ? 'ACOUSTIC' : 'LANGUAGE', decodeNodeId(typeOfNodeId(id), id)),
  }),
)
