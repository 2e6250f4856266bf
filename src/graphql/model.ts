import { listModelEvents } from '../domain/event-history.ts'
import { describeSource, findModel, isLicenseAccepted, listModels } from '../domain/model.ts'
import { isModelTerminal } from '../domain/model-lifecycle.ts'
import { keptEvents } from '../domain/retention.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { OrderDirectionEnum, selects, unwrapPage } from './connection.ts'
import { EvaluationType, ModelFailureType, PronunciationType, TextStatisticsType } from './model-facts.ts'
import { ModelStageEnum, ModelStatusEnum } from './model-status.ts'
import { decodeNodeId, typeOfNodeId } from './node-id.ts'
import { AcousticModel, LanguageModel, Model, ModelStatusChange } from './refs.ts'

const ScenarioEnum = builder.enumType('Scenario', {
  description: 'What a base model, and everything built on it, is made for. Models of different scenarios cannot be deployed together.',
  values: {
    CONVERSATIONAL: { description: 'People talking to each other: meetings, interviews, calls.' },
    SEARCH_AND_DICTATION: { description: 'Someone speaking to an application: commands, queries, dictation.' },
  } as const,
})

export const ModelKindEnum = builder.enumType('ModelKind', {
  description: 'What a model knows about speech.',
  values: {
    ACOUSTIC: { description: 'How speech sounds.' },
    LANGUAGE: { description: 'Which words are said and how they are written.' },
  } as const,
})

Model.implement({
  description: 'Something a deployment is made of: an acoustic or a language model.',
  interfaces: [builder.nodeInterfaceRef()],
  resolveType: (model) => (model.kind === 'ACOUSTIC' ? 'AcousticModel' : 'LanguageModel'),
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What people call it.' }),
    description: t.exposeString('description', { description: 'What it is good for.' }),
    kind: t.expose('kind', { type: ModelKindEnum, description: 'Acoustic or language.' }),
    locale: t.expose('locale', { type: 'Locale', description: 'The speech it is for.' }),
    scenario: t.expose('scenario', { type: ScenarioEnum, description: 'What it is made for; both models of a deployment must agree.' }),
    isBase: t.boolean({
      description: 'True for models that are always there; false for those made in this workspace.',
      resolve: (model) => model.workspaceId === null,
    }),
    license: t.exposeString('license', { description: 'The SPDX identifier of its license.' }),
    sizeBytes: t.float({ description: 'Bytes of all its files; a whole number.', resolve: (model) => model.files.reduce((sum, file) => sum + file.size, 0) }),
    licenseUrl: t.expose('licenseUrl', {
      type: 'URL',
      nullable: true,
      description: 'Where its license stands, if that has to be accepted before the model can be deployed; null when nobody has to.',
    }),
    isLicenseAccepted: t.boolean({
      description: 'True when nothing has to be accepted, or the workspace has accepted it with `acceptLicense`.',
      resolve: (model, _, ctx) => isLicenseAccepted(ctx, model),
    }),
    baseModel: t.field({
      type: Model,
      nullable: true,
      description: 'The base model that it grew from; null for base models.',
      resolve: (model, _, ctx) => (model.baseModelId ? ctx.loadModel(model.baseModelId) : null),
    }),
    status: t.expose('status', { type: ModelStatusEnum, description: 'Where it stands; base models are always READY.' }),
    isTerminal: t.boolean({ description: 'True when nothing more will happen by itself.', resolve: (model) => isModelTerminal(model.status) }),
    isReady: t.boolean({ description: 'True when it can be deployed.', resolve: (model) => model.status === 'READY' }),
    stage: t.expose('stage', { type: ModelStageEnum, nullable: true, description: 'What building is doing; null when it is not at work.' }),
    progress: t.exposeFloat('progress', { description: 'Of the whole building, 0 to 1.' }),
    failure: t.expose('failure', { type: ModelFailureType, nullable: true, description: 'Why it could not be built; null unless the status is FAILED.' }),
    queuePosition: t.int({
      nullable: true,
      description: 'How many models of its kind wait before it, first come first served and in turn between workspaces; null unless it is QUEUED.',
      resolve: (model, _, ctx) => (model.status === 'QUEUED' ? ctx.queuePositions.model(model.id) : null),
    }),
    timeline: t.connection(
      {
        type: ModelStatusChange,
        description: `Its log, oldest first; empty for base models. Of a long log, the first change, changes of the status and the newest ${keptEvents} changes are kept.`,
        resolve: (model, args, ctx) => unwrapPage(listModelEvents(ctx, model, args)),
      },
      {
        name: 'ModelTimelineConnection',
        description: "A page of a model's log.",
        fields: (c) => ({ totalCount: c.int({ description: 'How many changes there are on all pages.', resolve: (page) => page.totalCount() }) }),
      },
      { name: 'ModelTimelineEdge', description: 'A change and its place in the log.' },
    ),
    sequence: t.exposeInt('sequence', {
      description: 'Counts the changes of a custom model from 1; give it as `ifSequence` to change only what you have seen. 0 for base models.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was added here.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    completedAt: t.expose('completedAt', { type: 'DateTime', nullable: true, description: 'When it became terminal; null before that, and for base models.' }),
  }),
})

builder.node(AcousticModel, {
  description: 'Turns sound into words. It has been trained on one kind of speech, its scenario.',
  interfaces: [Model],
  isTypeOf: (model) => (model as ModelRow).kind === 'ACOUSTIC',
  id: { resolve: (model) => model.id },
  fields: (t) => ({
    compatibleLanguageModels: t.field({
      type: [LanguageModel],
      description: 'Language models that it can be deployed with, by name; at most 100.',
      resolve: (model, _, ctx) => ctx.loadFittingModels('LANGUAGE', model),
    }),
    source: t.string({
      nullable: true,
      description: 'Where a custom model came from: a package and its version, a host, or an upload by its SHA-256; null for base models.',
      resolve: (model) => describeSource(model.recipe),
    }),
  }),
})

builder.node(LanguageModel, {
  description: 'Knows which words are likely and how they are written in its scenario.',
  interfaces: [Model],
  isTypeOf: (model) => (model as ModelRow).kind === 'LANGUAGE',
  id: { resolve: (model) => model.id },
  fields: (t) => ({
    compatibleAcousticModels: t.field({
      type: [AcousticModel],
      description: 'Acoustic models that it can be deployed with, by name; at most 100.',
      resolve: (model, _, ctx) => ctx.loadFittingModels('ACOUSTIC', model),
    }),
    statistics: t.expose('statistics', {
      type: TextStatisticsType,
      nullable: true,
      description: 'What its text held; null for base models, and before it is READY.',
    }),
    evaluation: t.expose('evaluation', {
      type: EvaluationType,
      nullable: true,
      description: 'What it is worth on recordings that came with it; null without such.',
    }),
    pronunciations: t.field({
      type: [PronunciationType],
      description: 'What is said, and what is written for it.',
      resolve: (model) => model.recipe?.pronunciations ?? [],
    }),
    phrases: t.stringList({ description: 'Phrases that count more than lines of the text.', resolve: (model) => model.recipe?.phrases ?? [] }),
  }),
})

const ModelFilter = builder.inputType('ModelFilter', {
  description: 'Only models that match everything given here.',
  fields: (t) => ({
    locale: t.field({ type: 'Locale', description: 'Only models for this speech.' }),
    kind: t.field({ type: ModelKindEnum, description: 'Only acoustic or only language models.' }),
    scenario: t.field({ type: ScenarioEnum, description: 'Only models made for this.' }),
    isBase: t.boolean({ description: 'True: only base models; false: only those made in this workspace.' }),
    statuses: t.field({ type: [ModelStatusEnum], description: 'Only models in one of these statuses.' }),
    text: t.string({
      description:
        'Only models with this text in their name or description; compared as names are, so case, invisible characters and compatibility forms do not count.',
    }),
  }),
})

const ModelOrder = builder.inputType('ModelOrder', {
  description: 'How to sort models; equal ones are sorted by their id.',
  fields: (t) => ({
    field: t.field({
      required: true,
      description: 'What to sort by.',
      type: builder.enumType('ModelOrderField', {
        description: 'What models can be sorted by.',
        values: { CREATED_AT: { description: 'When they were added.' }, NAME: { description: 'Their name, as deployments are sorted by theirs.' } } as const,
      }),
    }),
    direction: t.field({ required: true, description: 'Which end comes first.', type: OrderDirectionEnum }),
  }),
})

builder.queryField('models', (t) =>
  t.connection(
    {
      type: Model,
      description: "The models that a deployment can be made of: base models and the workspace's own, by name if not ordered otherwise.",
      args: {
        where: t.arg({ type: ModelFilter, description: 'Only models that match.' }),
        orderBy: t.arg({ type: ModelOrder, description: 'How to sort them.' }),
      },
      resolve: (_, args, ctx, info) => unwrapPage(listModels(ctx, { ...args, withChangesCursor: selects(info, 'changesCursor') })),
    },
    {
      name: 'ModelConnection',
      description: 'A page of models.',
      fields: (c) => ({
        totalCount: c.int({ description: 'How many there are on all pages.', resolve: (page) => page.totalCount() }),
        changesCursor: c.string({
          description: 'Give this as `after` to `modelStatusChanged` to be told of everything that has changed since this page was read.',
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
    description: 'One model; null when this workspace has none with this id.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of a model.' }) },
    resolve: (_, { id }, ctx) => findModel(ctx, typeOfNodeId(id) === 'AcousticModel' ? 'ACOUSTIC' : 'LANGUAGE', decodeNodeId(typeOfNodeId(id), id)),
  }),
)
