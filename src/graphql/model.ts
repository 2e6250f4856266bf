import { findModel, listModels } from '../domain/model.ts'
import type { ModelRow } from '../postgres/tables.ts'
import { builder } from './builder.ts'
import { unwrapPage } from './connection.ts'
import { decodeNodeId, typeOfNodeId } from './node-id.ts'

const ScenarioEnum = builder.enumType('Scenario', {
  description: 'What a base model, and everything built on it, is made for. Models of different scenarios cannot be deployed together.',
  values: {
    CONVERSATIONAL: { description: 'People talking to each other: meetings, interviews, calls.' },
    SEARCH_AND_DICTATION: { description: 'Someone speaking to an application: commands, queries, dictation.' },
  } as const,
})

const ModelKindEnum = builder.enumType('ModelKind', {
  description: 'What a model knows about speech.',
  values: {
    ACOUSTIC: { description: 'How speech sounds.' },
    LANGUAGE: { description: 'Which words are said and how they are written.' },
  } as const,
})

const Model = builder.interfaceRef<ModelRow>('Model').implement({
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
    licence: t.exposeString('licence', { description: 'The SPDX identifier of its licence.' }),
    sizeBytes: t.float({ description: 'Bytes of all its files; a whole number.', resolve: (model) => model.files.reduce((sum, file) => sum + file.size, 0) }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was added here.' }),
  }),
})

export const AcousticModel = builder.objectRef<ModelRow>('AcousticModel')
export const LanguageModel = builder.objectRef<ModelRow>('LanguageModel')

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
  }),
})

const ModelFilter = builder.inputType('ModelFilter', {
  description: 'Only models that match everything given here.',
  fields: (t) => ({
    locale: t.field({ type: 'Locale', description: 'Only models for this speech.' }),
    kind: t.field({ type: ModelKindEnum, description: 'Only acoustic or only language models.' }),
    scenario: t.field({ type: ScenarioEnum, description: 'Only models made for this.' }),
    isBase: t.boolean({ description: 'True: only base models; false: only those made in this workspace.' }),
    text: t.string({ description: 'Only models with this text in their name or description, whatever its case.' }),
  }),
})

builder.queryField('models', (t) =>
  t.connection(
    {
      type: Model,
      description: "The models that a deployment can be made of, by name: base models and the workspace's own.",
      args: { where: t.arg({ type: ModelFilter, description: 'Only models that match.' }) },
      resolve: (_, args, ctx) => unwrapPage(listModels(ctx, args)),
    },
    {
      description: 'A page of models.',
      fields: (c) => ({ totalCount: c.int({ description: 'How many there are on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { description: 'A model and its place in the list.' },
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
