import { sql } from 'drizzle-orm'
import { check, index, integer, jsonb, pgEnum, primaryKey, real, snakeCase, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, id, time } from './columns.ts'
import { eventColumns, models, workspaces } from './tables.ts'

export const deploymentStatus = pgEnum('deployment_status', ['QUEUED', 'PROVISIONING', 'COMPLETE', 'FAILED', 'CANCELED', 'DELETING'])
export const stage = pgEnum('stage', ['RESOLVING', 'FETCHING', 'BUILDING', 'LOADING', 'VERIFYING'])

export type DeploymentStatus = (typeof deploymentStatus.enumValues)[number]
export type Stage = (typeof stage.enumValues)[number]

/** Why a deployment failed: where, which kind of failure, and a sentence a person can act on. */
export interface Failure {
  stage: Stage
  code: string
  message: string
}

/** What the deployment's own endpoint answered when it was tried. */
export interface Evidence {
  url: string
  referenceText: string
  transcript: string
  latencyMs: number
  /** The same over the other URL; deployments of before it could be called have none. */
  webSocket?: { url: string; transcript: string; latencyMs: number }
  audioMs: number
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
    /** Of the whole provisioning, 0 to 1. */
    progress: real().notNull().default(0),
    failure: jsonb().$type<Failure>(),
    evidence: jsonb().$type<Evidence>(),
    /** The number of the newest event; only domain/lifecycle.ts raises it, under this row's lock. */
    sequence: integer().notNull().default(0),
    /** Raised each time provisioning begins anew; a worker that still holds an older one changes nothing. */
    attempt: integer().notNull().default(1),
    /** Raised each time a worker takes the deployment over; one that still holds an older number changes nothing. */
    run: integer().notNull().default(0),
    /** Passing failures of this attempt; interruptions of the worker are none. */
    failedTries: integer().notNull().default(0),
    /** The process whose worker has it in hand, or died with it; a worker that stops clears it. */
    heldBy: uuid(),
    /** The runs of this attempt that ended with their process, or in which a process of theirs ended. */
    deadRuns: integer().array().notNull().default([]),
    /** Its place among everything that waits: the lowest is next. */
    turn: integer().notNull().default(0),
    /** The job at work on it; removed with the wish for it. */
    jobId: uuid(),
    /** When it is FAILED if it is not terminal by then. */
    deadlineAt: time(),
    stageStartedAt: time(),
    /** When it last moved, noted once that is worryingly long ago. */
    stalledSince: time(),
    createdAt: createdAt(),
    updatedAt: createdAt(),
    /** When provisioning last began. */
    startedAt: time(),
    completedAt: time(),
  },
  (t) => [
    uniqueIndex('deployments_name').on(t.workspaceId, t.locale, sql`name_key(${t.name})`),
    // One for each order of the list: a page is read off an index, however many rows there are.
    index().on(t.workspaceId, t.id),
    index('deployments_workspace_name').on(t.workspaceId, sql`${t.name} collate names`, t.id),
    index().on(t.workspaceId, t.status, t.id),
    index().on(t.workspaceId, t.updatedAt, t.id),
    index().on(t.workspaceId, t.locale, t.id),
    index('deployments_turn').on(t.turn, t.id).where(sql`${t.status} in ('QUEUED', 'PROVISIONING')`),
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
    /** Not a foreign key: the last event of a deleted deployment outlives it, for those who watch the list. */
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

/** What a client's idempotency key made, and a hash of what it had asked for. No foreign keys, since it outlives what it made. */
export const idempotencyKeys = snakeCase.table(
  'idempotency_keys',
  {
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    key: text().notNull(),
    inputHash: text().notNull(),
    /** One of these three. */
    deploymentId: uuid(),
    modelId: uuid(),
    keyId: uuid(),
    /** The secret of a key, for a repetition that follows soon. */
    sealedSecret: text(),
    /** Set when what it made was deleted. */
    expiresAt: time(),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.key] }),
    index().on(t.deploymentId),
    index().on(t.modelId),
    index().on(t.keyId),
    index().on(t.expiresAt).where(sql`${t.expiresAt} is not null`),
    check('idempotency_keys_made', sql`num_nonnulls(${t.deploymentId}, ${t.modelId}, ${t.keyId}) = 1`),
  ],
)

export type DeploymentRow = typeof deployments.$inferSelect
export type DeploymentEventRow = typeof deploymentEvents.$inferSelect
