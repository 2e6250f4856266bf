import { type EvaluationFilter, findEvaluation, listEvaluatedItems, listEvaluations } from '../../evaluation/evaluation.ts'
import { isEvaluationTerminal } from '../../evaluation/evaluation-lifecycle.ts'
import { loadTestSet } from '../../evaluation/test-set.ts'
import type { EvaluationFailure, EvaluationRow } from '../../postgres/evaluation/evaluation-tables.ts'
import { builder, type GraphQLContext } from '../builder.ts'
import { decodeFilterId, decodeNodeId } from '../node-id.ts'
import { unwrapPage } from '../pagination.ts'
import { AcousticModel, Deployment, LanguageModel } from '../refs.ts'
import { EvaluatedItemType, EvaluationResultType } from './evaluation-result.ts'
import { Evaluation, EvaluationStatusEnum, TestSet } from './refs.ts'

const EvaluationFailureType = builder.objectRef<EvaluationFailure>('EvaluationFailure').implement({
  description: 'The reason why an evaluation failed.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'The kind of failure, for programs.' }),
    message: t.exposeString('message', { description: 'The description of the failure and of the remedy, for people.' }),
  }),
})

const EvaluatedItemOrder = builder.enumType('EvaluatedItemOrder', {
  description: 'A sort order of the recordings of an evaluation.',
  values: {
    NUMBER: { description: 'The order of the test set.' },
    ERRORS: { description: 'The recordings with the most word errors come first.' },
  } as const,
})

builder.node(Evaluation, {
  description: 'The recognition of a test set by an acoustic and a language model, with the word errors.',
  isTypeOf: (value) => 'testSetId' in (value as object) && 'result' in (value as object),
  id: { resolve: ({ id }) => id },
  fields: (t) => ({
    testSet: t.field({ type: TestSet, description: 'The test set.', resolve: ({ testSetId }, _, ctx) => requireTestSet(ctx, testSetId) }),
    deployment: t.field({
      type: Deployment,
      nullable: true,
      description: 'The deployment whose models are evaluated; null for an evaluation of two models, and after the deletion of the deployment.',
      resolve: ({ deploymentId }, _, ctx) => (deploymentId ? ctx.loadDeployment(deploymentId) : null),
    }),
    revision: t.exposeInt('revision', { nullable: true, description: 'The number of the evaluated revision of the deployment; null without a revision.' }),
    acousticModel: t.field({
      type: AcousticModel,
      nullable: true,
      description: 'The evaluated acoustic model; null after the deletion of the model.',
      resolve: ({ acousticModelId }, _, ctx) => ctx.loadChosenModel('ACOUSTIC', acousticModelId),
    }),
    languageModel: t.field({
      type: LanguageModel,
      nullable: true,
      description: 'The evaluated language model; null after the deletion of the model.',
      resolve: ({ languageModelId }, _, ctx) => ctx.loadChosenModel('LANGUAGE', languageModelId),
    }),
    status: t.expose('status', { type: EvaluationStatusEnum, description: 'The status of the evaluation.' }),
    isTerminal: t.boolean({ description: 'True when the evaluation has ended.', resolve: ({ status }) => isEvaluationTerminal(status) }),
    progress: t.exposeFloat('progress', { description: 'The progress of the evaluation, 0 to 1.' }),
    message: t.exposeString('message', { description: 'The description of the last change, for people.' }),
    failure: t.expose('failure', { type: EvaluationFailureType, nullable: true, description: 'The reason for the status FAILED; otherwise null.' }),
    result: t.expose('result', { type: EvaluationResultType, nullable: true, description: 'The word errors; null before the status COMPLETE.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: "The time of the evaluation's creation." }),
    completedAt: t.expose('completedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time of the last status; null while the evaluation is unfinished.',
    }),
    items: t.connection(
      {
        type: EvaluatedItemType,
        description: 'The recognized recordings. An unfinished evaluation has those that are recognized so far.',
        args: {
          orderBy: t.arg({ type: EvaluatedItemOrder, description: 'The sort order; the default is NUMBER.' }),
          onlyErrors: t.arg.boolean({ description: 'True for the recordings with word errors only.' }),
        },
        resolve: (evaluation, args, ctx) => unwrapPage(listEvaluatedItems(ctx, evaluation, args)),
      },
      {
        name: 'EvaluatedItemConnection',
        description: 'A page of recognized recordings.',
        fields: (c) => ({ totalCount: c.int({ description: 'The number of recordings on all pages.', resolve: (page) => page.totalCount() }) }),
      },
      { name: 'EvaluatedItemEdge', description: 'A recognized recording and its place in the list.' },
    ),
  }),
})

async function requireTestSet(ctx: GraphQLContext, id: string) {
  const testSet = await loadTestSet(ctx, id)
  if (!testSet) throw new Error('The test set of an evaluation is missing.')
  return testSet
}

const EvaluationFilterInput = builder.inputType('EvaluationFilter', {
  description: 'A filter for evaluations. An evaluation must match every given condition.',
  fields: (t) => ({
    testSetId: t.id({ description: 'Only evaluations of this test set. The server rejects an id that is not the id of a test set (`BAD_USER_INPUT`).' }),
    deploymentId: t.id({ description: 'Only evaluations of this deployment. The server rejects an id that is not the id of a deployment (`BAD_USER_INPUT`).' }),
    modelId: t.id({
      description: 'Only evaluations of this acoustic or language model. The server rejects an id that is not the id of a model (`BAD_USER_INPUT`).',
    }),
    statuses: t.field({ type: [EvaluationStatusEnum], description: 'Only evaluations in one of these statuses.' }),
  }),
})

const toFilter = (where: typeof EvaluationFilterInput.$inferInput | null | undefined): EvaluationFilter => ({
  ...where,
  testSetId: where?.testSetId == null ? null : decodeFilterId('where.testSetId', ['TestSet'], where.testSetId),
  deploymentId: where?.deploymentId == null ? null : decodeFilterId('where.deploymentId', ['Deployment'], where.deploymentId),
  modelId: where?.modelId == null ? null : decodeFilterId('where.modelId', ['AcousticModel', 'LanguageModel'], where.modelId),
})

builder.queryField('evaluations', (t) =>
  t.connection(
    {
      type: Evaluation,
      description: 'The evaluations of the workspace, newest first.',
      args: { where: t.arg({ type: EvaluationFilterInput, description: 'Only evaluations that match.' }) },
      resolve: (_, { where, ...args }, ctx) =>
        unwrapPage<Awaited<ReturnType<typeof listEvaluations>>>(listEvaluations(ctx, { ...args, where: toFilter(where) })),
    },
    {
      name: 'EvaluationConnection',
      description: 'A page of evaluations.',
      fields: (c) => ({ totalCount: c.int({ description: 'The number of evaluations on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { name: 'EvaluationEdge', description: 'An evaluation and its place in the list.' },
  ),
)

builder.queryField('evaluation', (t) =>
  t.field({
    type: Evaluation,
    nullable: true,
    description: 'An evaluation; null when the workspace has no evaluation with this id.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of an evaluation.' }) },
    resolve: (_, { id }, ctx): Promise<EvaluationRow | null> => findEvaluation(ctx, decodeNodeId('Evaluation', id)),
  }),
)
