import { DeploymentNotFoundError, SequenceMismatchError } from '../../domain/deployment-errors.ts'
import { NotAuthorizedError, ValidationError } from '../../domain/errors.ts'
import { TestSetNotFoundError, TestSetNotReadyError } from '../../evaluation/errors.ts'
import { findEvaluation } from '../../evaluation/evaluation.ts'
import { loadTestSet } from '../../evaluation/test-set.ts'
import type { Gate } from '../../postgres/evaluation/gate.ts'
import { type GateUpdate, updateGate, type WantedGate } from '../../revisions/gate.ts'
import type { Revision } from '../../revisions/revision.ts'
import { builder, type GraphQLContext } from '../builder.ts'
import { Evaluation, TestSet } from '../evaluation/refs.ts'
import { decodeNodeId } from '../node-id.ts'
import { Deployment, RevisionType } from '../refs.ts'
import { asResult, resultUnion, withDeployment } from '../result.ts'

const describeLimit = {
  maxWordErrorRate: 'The maximum word error rate on the test set, from 0 to 1.',
  maxIncrease: 'The maximum increase of the word error rate over that of the current revision, from 0 to 1. The value 0.01 is one percentage point.',
  minConfidence: 'The minimum confidence, from 0 to 1, that the word error rate increases by at most `maxIncrease`, or does not increase without it.',
}

export const GateInput = builder.inputType('GateInput', {
  description: 'The conditions on new models. At least one of the three limits is required.',
  fields: (t) => ({
    testSetId: t.id({ required: true, description: "The `id` of a READY test set of the deployment's locale." }),
    maxWordErrorRate: t.float({ description: describeLimit.maxWordErrorRate }),
    maxIncrease: t.float({ description: describeLimit.maxIncrease }),
    minConfidence: t.float({ description: describeLimit.minConfidence }),
  }),
})

export const toGate = (gate: typeof GateInput.$inferInput | null | undefined): WantedGate | null | undefined =>
  gate && { ...gate, testSetId: decodeNodeId('TestSet', gate.testSetId) }

const GateType = builder.objectRef<Gate>('Gate').implement({
  description: 'The conditions on new models, which provisioning checks in the stage EVALUATING.',
  fields: (t) => ({
    testSet: t.field({
      type: TestSet,
      nullable: true,
      description: 'The test set; null after its deletion. Without the test set, no revision passes the gate.',
      resolve: ({ testSetId }, _, ctx) => loadTestSet(ctx, testSetId),
    }),
    maxWordErrorRate: t.float({ nullable: true, description: describeLimit.maxWordErrorRate, resolve: (gate) => gate.maxWordErrorRate ?? null }),
    maxIncrease: t.float({ nullable: true, description: describeLimit.maxIncrease, resolve: (gate) => gate.maxIncrease ?? null }),
    minConfidence: t.float({ nullable: true, description: describeLimit.minConfidence, resolve: (gate) => gate.minConfidence ?? null }),
  }),
})

builder.objectField(Deployment, 'gate', (t) =>
  t.expose('gate', { type: GateType, nullable: true, description: 'The gate of new revisions that bring none of their own; null without one.' }),
)

/** The gate and its evaluation are in the row of the revision, and not in that of the deployment, from which the current one can come. */
const readGate = async (revision: Revision, ctx: GraphQLContext): Promise<Pick<Revision, 'gate' | 'evaluationId'>> =>
  revision.isCurrent && revision.number > 1 ? ((await ctx.loadRevision(revision.id))?.revision ?? revision) : revision

builder.objectFields(RevisionType, (t) => ({
  gate: t.field({
    type: GateType,
    nullable: true,
    description: 'The gate that the revision had to pass; null without one.',
    resolve: async (revision, _, ctx) => (await readGate(revision, ctx)).gate,
  }),
  evaluation: t.field({
    type: Evaluation,
    nullable: true,
    description: 'The evaluation of the models for the gate; null without a gate, before the evaluation and after its deletion.',
    resolve: async (revision, _, ctx) => {
      const { evaluationId } = await readGate(revision, ctx)
      return evaluationId === null ? null : findEvaluation(ctx, evaluationId)
    },
  }),
}))

const UpdateGateInput = builder.inputType('UpdateGateInput', {
  description: 'The gate of a deployment.',
  fields: (t) => ({
    deploymentId: t.id({ required: true, description: 'The `id` of a deployment.' }),
    gate: t.field({ type: GateInput, description: 'The gate of new revisions that bring none. A null or omitted value removes the gate.' }),
    ifSequence: t.int({ description: 'The `sequence` that the client last read. The mutation changes nothing when the current `sequence` differs.' }),
  }),
})

const toUpdate = ({ deploymentId, gate, ifSequence }: typeof UpdateGateInput.$inferInput): GateUpdate => ({
  deploymentId: decodeNodeId('Deployment', deploymentId),
  gate: toGate(gate),
  ifSequence,
})

const UpdateGateSuccess = withDeployment('UpdateGateSuccess', 'The deployment has the requested gate, or none.', 'The deployment after the change.')
const UpdateGateResult = resultUnion('UpdateGate', 'The changed deployment, or the error that prevented the change.', UpdateGateSuccess, [
  DeploymentNotFoundError,
  ValidationError,
  TestSetNotFoundError,
  TestSetNotReadyError,
  SequenceMismatchError,
  NotAuthorizedError,
])

builder.mutationField('updateGate', (t) =>
  t.field({
    type: UpdateGateResult,
    description: 'Sets or removes the gate of a deployment. Each later redeployment without a gate of its own must pass the gate.',
    args: { input: t.arg({ type: UpdateGateInput, required: true, description: 'The gate.' }) },
    resolve: (_, { input }, ctx) => updateGate(ctx, toUpdate(input)).then(asResult('deployment')),
  }),
)
