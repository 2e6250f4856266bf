import { sql } from 'drizzle-orm'
import { check, index, integer, jsonb, pgEnum, primaryKey, real, snakeCase, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, id, time } from './columns.ts'
import { eventColumns, models, workspaces } from './tables.ts'

export const deploymentStatus = pgEnum('deployment_status', ['QUEUED', 'PROVISIONING', 'COMPLETE', 'FAILED', 'CANCELED', 'DELETING'])
export const stage = pgEnum('stage', ['RESOLVING', 'FETCHING', 'BUILDING', 'LOADING', 'VERIFYING'])

export type DeploymentStatus = (typeof deploymentStatus.enumValues)[number]
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
  },
  (t) => [
    primaryKey({ columns: [t.deploymentId, t.sequence] }),
    uniqueIndex().on(t.workspaceId, t.position),
    index('deployment_events_deleted').on(t.workspaceId, t.occurredAt).where(sql`${t.status} = 'DELETING'`),
  ],
)

/** The object that an idempotency key created, and a hash of the input. No foreign keys, since the record outlives the object. */
export const idempotencyKeys = snakeCase.table(
  'idempotency_keys',
  {
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    key: text().notNull(),
    inputHash: text().notNull(),
    /** Exactly one of these ids is set. */
    deploymentId: uuid(),
    modelId: uuid(),
    keyId: uuid(),
    testSetId: uuid(),
    evaluationId: uuid(),
    /** The encrypted secret of a new key, for a repetition within some minutes. */
    sealedSecret: text(),
    /** Set when the object is deleted. */
    expiresAt: time(),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.key] }),
    index().on(t.deploymentId),
    index().on(t.modelId),
    index().on(t.keyId),
    index().on(t.testSetId),
    index().on(t.evaluationId),
    index().on(t.expiresAt).where(sql`${t.expiresAt} is not null`),
    check('idempotency_keys_made', sql`num_nonnulls(${t.deploymentId}, ${t.modelId}, ${t.keyId}, ${t.testSetId}, ${t.evaluationId}) = 1`),
  ],
)

export type DeploymentRow = typeof deployments.$inferSelect
export type DeploymentEventRow = typeof deploymentEvents.$inferSelect
