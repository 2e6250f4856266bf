import { sql } from 'drizzle-orm'
import { index, integer, jsonb, pgEnum, primaryKey, real, snakeCase, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, id, time } from './columns.ts'
import type { Gate } from './evaluation/gate.ts'
import { eventColumns, models, workspaces } from './tables.ts'

export const deploymentStatus = pgEnum('deployment_status', ['QUEUED', 'PROVISIONING', 'COMPLETE', 'SUSPENDED', 'FAILED', 'CANCELED', 'DELETING'])
export const stage = pgEnum('stage', ['RESOLVING', 'FETCHING', 'BUILDING', 'LOADING', 'VERIFYING', 'EVALUATING'])
export const revisionStatus = pgEnum('revision_status', ['QUEUED', 'PROVISIONING', 'COMPLETE', 'FAILED', 'CANCELED'])

export type DeploymentStatus = (typeof deploymentStatus.enumValues)[number]
export type RevisionStatus = (typeof revisionStatus.enumValues)[number]
export type Stage = (typeof stage.enumValues)[number]

/** The failure of a deployment: the stage, a code, and a sentence with the next step. */
export interface Failure {
  stage: Stage
  code: string
  message: string
}

/** The response of the endpoint to the reference recording. */
export interface Evidence {
  url: string
  referenceText: string
  transcript: string
  latencyMs: number
  /** The response over WebSocket. Deployments of older versions have none. */
  webSocket?: { url: string; transcript: string; latencyMs: number }
  audioMs: number
  /** The reason why the public URL did not lead to the deployment. */
  warning?: string
  verifiedAt: string
}

export const deployments = snakeCase.table(
  'deployments',
  {
    id: id(),
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    description: text().notNull(),
    locale: text().notNull(),
    acousticModelId: uuid()
      .notNull()
      .references(() => models.id),
    languageModelId: uuid()
      .notNull()
      .references(() => models.id),
    status: deploymentStatus().notNull(),
    stage: stage(),
    /** The progress of the whole provisioning, 0 to 1. */
    progress: real().notNull().default(0),
    failure: jsonb().$type<Failure>(),
    evidence: jsonb().$type<Evidence>(),
    /** The sequence of the newest event, raised under the lock of the workspace. */
    sequence: integer().notNull().default(0),
    /** Raised at each retry. Claims of earlier attempts are void. */
    attempt: integer().notNull().default(1),
    /** Raised each time a worker claims the deployment. Earlier claims are void. */
    run: integer().notNull().default(0),
    /** The temporary failures of this attempt. Interruptions of the worker do not count. */
    failedTries: integer().notNull().default(0),
    /** The process whose worker has claimed the deployment. A worker that stops clears the column; a crash does not. */
    heldBy: uuid(),
    /** The runs of this attempt in which the worker or one of its child processes crashed. */
    deadRuns: integer().array().notNull().default([]),
    /** The order among all queued deployments: the lowest is next. */
    queueRank: integer('turn').notNull().default(0),
    /** The job of the current attempt. */
    jobId: uuid(),
    /** The time at which the deployment fails if it is not terminal. */
    deadlineAt: time(),
    stageStartedAt: time(),
    /** The time of the last progress, when provisioning has stalled; otherwise null. */
    stalledSince: time(),
    createdAt: createdAt(),
    updatedAt: createdAt(),
    /** The time at which provisioning last began. */
    startedAt: time(),
    completedAt: time(),
    /** Set while the deployment is SUSPENDED. */
    suspendedAt: time(),
    /** The number of the revision that serves. Its models, evidence and times are those of this row. */
    revision: integer().notNull().default(1),
    /** The highest number of any revision. */
    lastRevision: integer().notNull().default(1),
    /** The revision in work or on trial. */
    pendingRevision: integer(),
    /** The revision that served before the present one. */
    previousRevision: integer(),
    revisionNote: text().notNull().default(''),
    /** The key that requested the revision; null for the first one. */
    revisionKeyId: uuid(),
    /** The time of the request for the revision; null for the first one. */
    revisionCreatedAt: time(),
    /** The share of new sessions that the pending revision serves on trial. */
    canaryPercent: integer(),
    /** The share of recordings that the pending revision recognizes as well. */
    shadowPercent: integer(),
    /** The gate of revisions that bring none. */
    gate: jsonb().$type<Gate>(),
  },
  (t) => [
    uniqueIndex('deployments_name').on(t.workspaceId, t.locale, sql`name_key(${t.name})`),
    // One index for each order of the list, so that a page costs the same for any number of rows.
    index().on(t.workspaceId, t.id),
    index('deployments_workspace_name').on(t.workspaceId, sql`${t.name} collate names`, t.id),
    index().on(t.workspaceId, t.status, t.id),
    index().on(t.workspaceId, t.updatedAt, t.id),
    index().on(t.workspaceId, t.locale, t.id),
    index('deployments_turn').on(t.queueRank, t.id).where(sql`${t.status} in ('QUEUED', 'PROVISIONING')`),
    index().on(t.completedAt).where(sql`${t.status} = 'COMPLETE'`),
    index('deployments_pending').on(t.updatedAt).where(sql`${t.pendingRevision} is not null`),
    // Without the status: a migration cannot use a value that it adds to an enum.
    index('deployments_suspended').on(t.suspendedAt).where(sql`${t.suspendedAt} is not null`),
    index('deployments_previous').on(t.updatedAt).where(sql`${t.previousRevision} is not null`),
    // The workspace comes second, so that the references to models are checked by the same indexes.
    index('deployments_acoustic_model').on(t.acousticModelId, t.workspaceId, t.id),
    index('deployments_language_model').on(t.languageModelId, t.workspaceId, t.id),
    // The column `search_key` exists in Postgres alone, which computes it from name and description.
    index('deployments_search').using('gin', t.workspaceId, sql`search_key gin_trgm_ops`),
  ],
)

/**
 * The number of deployments by locale and status. Triggers on `deployments` keep it, for every statement of every version
 * of the service. No foreign key: the triggers also run while a workspace is deleted, in either order.
 */
export const deploymentCounts = snakeCase.table(
  'deployment_counts',
  {
    workspaceId: uuid().notNull(),
    locale: text().notNull(),
    status: deploymentStatus().notNull(),
    /** 0 after the last one has gone. */
    count: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.locale, t.status] })],
)

export const deploymentEvents = snakeCase.table(
  'deployment_events',
  {
    /** Not a foreign key: the last event of a deleted deployment outlives the deployment. */
    deploymentId: uuid().notNull(),
    ...eventColumns(),
    locale: text().notNull(),
    status: deploymentStatus().notNull(),
    /** Null for a deployment's first event. */
    previousStatus: deploymentStatus(),
    stage: stage(),
    /** The revision that changed; null when the event concerns no revision but the first. */
    revision: integer(),
    revisionStatus: revisionStatus(),
    previousRevisionStatus: revisionStatus(),
    revisionStage: stage(),
    /** The revision that serves after the change, and the one before it. */
    currentRevision: integer(),
    previousCurrentRevision: integer(),
    /** The revision in work or on trial after the change. */
    pendingRevision: integer(),
  },
  (t) => [
    primaryKey({ columns: [t.deploymentId, t.sequence] }),
    uniqueIndex().on(t.workspaceId, t.position),
    index('deployment_events_deleted').on(t.workspaceId, t.occurredAt).where(sql`${t.status} = 'DELETING'`),
  ],
)

/**
 * The revisions of redeployed deployments. A deployment that was never redeployed has no row: its only revision is in its own
 * row. Jobs work on the rows of pending revisions as they do on deployments.
 */
export const deploymentRevisions = snakeCase.table(
  'deployment_revisions',
  {
    id: id(),
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    deploymentId: uuid()
      .notNull()
      .references(() => deployments.id, { onDelete: 'cascade' }),
    number: integer().notNull(),
    acousticModelId: uuid()
      .notNull()
      .references(() => models.id),
    languageModelId: uuid()
      .notNull()
      .references(() => models.id),
    note: text().notNull(),
    keyId: uuid(),
    status: revisionStatus().notNull(),
    stage: stage(),
    progress: real().notNull().default(0),
    failure: jsonb().$type<Failure>(),
    evidence: jsonb().$type<Evidence>(),
    gate: jsonb().$type<Gate>(),
    /** The evaluation for the gate. Not a foreign key, since the evaluation can be deleted. */
    evaluationId: uuid(),
    /** The number of changes, and the claims of workers, as in deployments. */
    sequence: integer().notNull().default(0),
    attempt: integer().notNull().default(1),
    run: integer().notNull().default(0),
    failedTries: integer().notNull().default(0),
    heldBy: uuid(),
    deadRuns: integer().array().notNull().default([]),
    queueRank: integer('turn').notNull().default(0),
    jobId: uuid(),
    deadlineAt: time(),
    stageStartedAt: time(),
    stalledSince: time(),
    createdAt: createdAt(),
    updatedAt: createdAt(),
    startedAt: time(),
    completedAt: time(),
    /** The totals of the recordings that the revision recognized beside the serving one. */
    shadowRecordings: integer().notNull().default(0),
    shadowWords: integer().notNull().default(0),
    shadowDifferingWords: integer().notNull().default(0),
  },
  (t) => [
    uniqueIndex('deployment_revisions_number').on(t.deploymentId, t.number),
    index('deployment_revisions_turn').on(t.queueRank, t.id).where(sql`${t.status} in ('QUEUED', 'PROVISIONING')`),
    index().on(t.workspaceId),
    index('deployment_revisions_acoustic_model').on(t.acousticModelId),
    index('deployment_revisions_language_model').on(t.languageModelId),
  ],
)

export type RevisionRow = typeof deploymentRevisions.$inferSelect
export type DeploymentRow = typeof deployments.$inferSelect
export type DeploymentEventRow = typeof deploymentEvents.$inferSelect
