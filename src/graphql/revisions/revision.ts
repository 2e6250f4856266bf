import type { DeploymentEventRow, DeploymentRow, RevisionRow } from '../../postgres/deployment-tables.ts'
import { findPendingRevision, findPendingRow, listRevisions, type Revision, toCurrentRevision, toRevision } from '../../revisions/revision.ts'
import { isRevisionTerminal } from '../../revisions/revision-lifecycle.ts'
import { builder, type GraphQLContext } from '../builder.ts'
import { FailureType, VerificationType } from '../deployment.ts'
import { StageEnum } from '../deployment-status.ts'
import { Key } from '../key.ts'
import { unwrapPage } from '../pagination.ts'
import { AcousticModel, Deployment, DeploymentStatusChange, LanguageModel, RevisionType } from '../refs.ts'

const RevisionStatusEnum = builder.enumType('RevisionStatus', {
  description: 'The status of a revision.',
  values: {
    QUEUED: { description: 'The revision waits for a worker.' },
    PROVISIONING: { description: 'A worker provisions the revision. `stage` and `progress` show the progress.' },
    COMPLETE: { description: 'The revision has passed its endpoint test and can serve.' },
    FAILED: { description: 'Provisioning failed. `failure` contains the reason.' },
    CANCELED: { description: 'A request canceled the revision before completion.' },
  } as const,
})

builder.node(RevisionType, {
  description: 'A pair of models that a deployment serves, has served or prepares to serve. The models of a revision never change.',
  isTypeOf: (value) => 'isCurrent' in (value as object),
  id: { resolve: (revision) => revision.id },
  fields: (t) => ({
    number: t.exposeInt('number', { description: 'The number of the revision, counted from 1 for each deployment.' }),
    deployment: t.field({
      type: Deployment,
      description: 'The deployment.',
      resolve: (revision, _, ctx) => findOwner(ctx, revision),
    }),
    acousticModel: t.field({ type: AcousticModel, description: 'The acoustic model.', resolve: (revision, _, ctx) => ctx.loadModel(revision.acousticModelId) }),
    languageModel: t.field({ type: LanguageModel, description: 'The language model.', resolve: (revision, _, ctx) => ctx.loadModel(revision.languageModelId) }),
    status: t.expose('status', { type: RevisionStatusEnum, description: 'The status of the revision.' }),
    isCurrent: t.exposeBoolean('isCurrent', { description: 'True for the revision that serves the deployment.' }),
    isTerminal: t.boolean({ description: 'True when the status does not change any more.', resolve: ({ status }) => isRevisionTerminal(status) }),
    stage: t.expose('stage', { type: StageEnum, nullable: true, description: 'The current provisioning stage; null when provisioning is not running.' }),
    progress: t.exposeFloat('progress', { description: 'The progress of the whole provisioning, from 0 to 1.' }),
    failure: t.expose('failure', { type: FailureType, nullable: true, description: 'The reason for the failure; null unless the status is FAILED.' }),
    verification: t.expose('evidence', {
      type: VerificationType,
      nullable: true,
      description: 'The result of the endpoint test; null before the test has passed.',
    }),
    note: t.exposeString('note', { description: 'The note of the request for the revision; empty without a note.' }),
    createdBy: t.field({
      type: Key,
      nullable: true,
      description: 'The key that requested the revision; null for the first revision and for keys that no longer exist.',
      resolve: ({ keyId }, _, ctx) => (keyId === null ? null : ctx.loadKey(keyId)),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The time of the request for the revision.' }),
    completedAt: t.expose('completedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time at which the revision became terminal; null before that time.',
    }),
  }),
})

async function findOwner(ctx: GraphQLContext, { deploymentId }: Revision): Promise<DeploymentRow> {
  const deployment = await ctx.loadDeployment(deploymentId)
  if (!deployment) throw new Error('the deployment of a revision is missing')
  return deployment
}

interface Trial {
  percent: number
  deployment: DeploymentRow
  row: RevisionRow
}

const CanaryType = builder.objectRef<Trial>('Canary').implement({
  description: 'A share of new sessions for the pending revision. Each client stays on one side as long as the canary lasts.',
  fields: (t) => ({
    percent: t.exposeInt('percent', { description: 'The percentage of clients whose new sessions the revision serves.' }),
    revision: t.field({ type: RevisionType, description: 'The pending revision.', resolve: ({ row, deployment }) => toRevision(row, deployment) }),
  }),
})

const ShadowType = builder.objectRef<Trial>('Shadow').implement({
  description:
    'A share of recordings that the pending revision recognizes as well, when the server has idle capacity. Clients do not receive its texts, and the server stores none.',
  fields: (t) => ({
    percent: t.exposeInt('percent', { description: 'The percentage of recordings that the revision recognizes as well.' }),
    revision: t.field({ type: RevisionType, description: 'The pending revision.', resolve: ({ row, deployment }) => toRevision(row, deployment) }),
    recordings: t.int({ description: 'The number of compared recordings.', resolve: ({ row }) => row.shadowRecordings }),
    words: t.int({ description: 'The number of words that the current revision recognized in these recordings.', resolve: ({ row }) => row.shadowWords }),
    differingWords: t.int({
      description: 'The minimum number of inserted, deleted and substituted words between the texts of both revisions.',
      resolve: ({ row }) => row.shadowDifferingWords,
    }),
    differingWordRate: t.float({
      nullable: true,
      description: '`differingWords` divided by `words`; null before the first word.',
      resolve: ({ row }) => (row.shadowWords ? row.shadowDifferingWords / row.shadowWords : null),
    }),
  }),
})

async function findTrial(ctx: GraphQLContext, deployment: DeploymentRow, percent: number | null): Promise<Trial | null> {
  const row = percent === null ? null : await findPendingRow(ctx.loadRevision, deployment)
  return row && percent !== null ? { percent, deployment, row } : null
}

builder.objectFields(Deployment, (t) => ({
  currentRevision: t.field({
    type: RevisionType,
    description: 'The revision that serves the deployment. The models and the status of the deployment are those of this revision.',
    resolve: toCurrentRevision,
  }),
  pendingRevision: t.field({
    type: RevisionType,
    nullable: true,
    description: 'The revision that is QUEUED or PROVISIONING, or COMPLETE and on trial; null without such a revision.',
    resolve: (deployment, _, ctx) => findPendingRevision(ctx.loadRevision, deployment),
  }),
  revisions: t.connection(
    {
      type: RevisionType,
      description: 'The revisions, newest first. The server keeps 100 revisions of a deployment.',
      resolve: (deployment, args, ctx) => unwrapPage(listRevisions(ctx, deployment, args)),
    },
    {
      name: 'DeploymentRevisionConnection',
      description: 'A page of revisions.',
      fields: (c) => ({ totalCount: c.int({ description: 'The number of revisions on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { name: 'DeploymentRevisionEdge', description: 'A revision and its place in the list.' },
  ),
  canary: t.field({
    type: CanaryType,
    nullable: true,
    description: 'The canary of the pending revision; null without one. The canary begins when the revision is COMPLETE.',
    resolve: (deployment, _, ctx) => findTrial(ctx, deployment, deployment.canaryPercent),
  }),
  shadow: t.field({
    type: ShadowType,
    nullable: true,
    description: 'The shadow of the pending revision; null without one. The shadow begins when the revision is COMPLETE.',
    resolve: (deployment, _, ctx) => findTrial(ctx, deployment, deployment.shadowPercent),
  }),
}))

const RevisionChangeType = builder.objectRef<DeploymentEventRow>('RevisionChange').implement({
  description: 'The revision that a change of a deployment concerns.',
  fields: (t) => ({
    number: t.int({ description: 'The number of the revision.', resolve: ({ revision }) => revision ?? 1 }),
    status: t.field({
      type: RevisionStatusEnum,
      description: 'The status of the revision after the change.',
      resolve: (event) => event.revisionStatus ?? 'COMPLETE',
    }),
    previousStatus: t.expose('previousRevisionStatus', {
      type: RevisionStatusEnum,
      nullable: true,
      description: 'The status of the revision before the change; null for a new revision.',
    }),
    stage: t.expose('revisionStage', {
      type: StageEnum,
      nullable: true,
      description: 'The provisioning stage of the revision; null when provisioning is not running.',
    }),
    currentNumber: t.int({ description: 'The number of the revision that serves after the change.', resolve: (event) => event.currentRevision ?? 1 }),
    previousCurrentNumber: t.int({
      nullable: true,
      description: 'The number of the revision that served before the change, when the change switched to another revision; otherwise null.',
      resolve: (event) => event.previousCurrentRevision,
    }),
    isCurrent: t.boolean({ description: 'True when the revision serves after the change.', resolve: (event) => event.revision === event.currentRevision }),
  }),
})

builder.objectField(DeploymentStatusChange, 'revision', (t) =>
  t.field({
    type: RevisionChangeType,
    nullable: true,
    description: 'The revision that the change concerns; null for changes of the deployment itself, such as its first provisioning or a new name.',
    resolve: (event) => (event.revision === null ? null : event),
  }),
)
