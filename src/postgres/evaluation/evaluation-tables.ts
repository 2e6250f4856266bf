import { sql } from 'drizzle-orm'
import { bigint, index, integer, jsonb, pgEnum, primaryKey, real, snakeCase, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, id, time } from '../columns.ts'
import { type StoredFile, workspaces } from '../tables.ts'

export const testSetStatus = pgEnum('test_set_status', ['QUEUED', 'IMPORTING', 'READY', 'FAILED'])
export const testSetStage = pgEnum('test_set_stage', ['READING', 'STORING'])
export const evaluationStatus = pgEnum('evaluation_status', ['QUEUED', 'RUNNING', 'COMPLETE', 'FAILED', 'CANCELED'])
export const evaluationStage = pgEnum('evaluation_stage', ['FETCHING', 'RECOGNIZING'])
export type TestSetStatus = (typeof testSetStatus.enumValues)[number]
export type TestSetStage = (typeof testSetStage.enumValues)[number]
export type EvaluationStatus = (typeof evaluationStatus.enumValues)[number]
export type EvaluationStage = (typeof evaluationStage.enumValues)[number]

/** The failure of an import. */
export interface TestSetFailure {
  stage: TestSetStage
  code: string
  message: string
  /** A sentence for each problem that was found, at most some dozens. */
  problems?: string[]
}

/** The failure of an evaluation. */
export interface EvaluationFailure {
  stage: EvaluationStage
  code: string
  message: string
}

/** The word errors and the time of an evaluation. */
export interface EvaluationResult {
  utterances: number
  /** Words of the references. */
  words: number
  substitutions: number
  deletions: number
  insertions: number
  /** Utterances with at least one error. */
  sentenceErrors: number
  /** The interval of the word error rate at 95 %. */
  interval: { low: number; high: number }
  audioSeconds: number
  recognitionSeconds: number
  /** The most frequent errors; `said` is null for an insertion, `heard` for a deletion. */
  confusions: { said: string | null; heard: string | null; times: number }[]
}

/** The columns of the lifecycle, as deployments and models have them. */
const workedColumns = () => ({
  workspaceId: uuid()
    .notNull()
    .references(() => workspaces.id, { onDelete: 'cascade' }),
  /** The progress of the whole job, 0 to 1. */
  progress: real().notNull().default(0),
  message: text().notNull(),
  sequence: integer().notNull().default(1),
  attempt: integer().notNull().default(1),
  run: integer().notNull().default(0),
  failedTries: integer().notNull().default(0),
  heldBy: uuid(),
  deadRuns: integer().array().notNull().default([]),
  queueRank: integer('turn').notNull().default(0),
  jobId: uuid(),
  deadlineAt: time(),
  createdAt: createdAt(),
  updatedAt: createdAt(),
  /** The time of the last status. */
  completedAt: time(),
})

/** Recordings with transcripts, for evaluations. */
export const testSets = snakeCase.table(
  'test_sets',
  {
    id: id(),
    ...workedColumns(),
    name: text().notNull(),
    description: text().notNull(),
    locale: text().notNull(),
    status: testSetStatus().notNull(),
    stage: testSetStage(),
    failure: jsonb().$type<TestSetFailure>(),
    /** The upload, until the import ends. */
    source: jsonb().$type<StoredFile>(),
    /** One file with the 16-bit mono samples of all recordings. */
    audio: jsonb().$type<StoredFile>(),
    items: integer().notNull().default(0),
    seconds: real().notNull().default(0),
    words: integer().notNull().default(0),
  },
  (t) => [
    uniqueIndex('test_sets_name').on(t.workspaceId, t.locale, sql`name_key(${t.name})`),
    index().on(t.workspaceId, t.id),
    index('test_sets_unfinished').on(t.deadlineAt).where(sql`${t.status} in ('QUEUED', 'IMPORTING')`),
  ],
)

/** The recordings of a test set. */
export const testItems = snakeCase.table(
  'test_items',
  {
    testSetId: uuid()
      .notNull()
      .references(() => testSets.id, { onDelete: 'cascade' }),
    /** The number in the table of the upload, from 1. */
    number: integer().notNull(),
    name: text().notNull(),
    transcript: text().notNull(),
    sampleRate: integer().notNull(),
    /** The place of the samples in the file of the test set. */
    byteOffset: bigint({ mode: 'number' }).notNull(),
    byteLength: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.testSetId, t.number] })],
)

/** The recognition of a test set by a pair of models. */
export const evaluations = snakeCase.table(
  'evaluations',
  {
    id: id(),
    ...workedColumns(),
    testSetId: uuid()
      .notNull()
      .references(() => testSets.id, { onDelete: 'cascade' }),
    /** The deployment whose models are evaluated. Not a foreign key: the record outlives the deployment. */
    deploymentId: uuid(),
    /** The revision of the deployment. */
    revision: integer(),
    /** Not foreign keys: the record outlives the models. */
    acousticModelId: uuid().notNull(),
    languageModelId: uuid().notNull(),
    status: evaluationStatus().notNull(),
    stage: evaluationStage(),
    failure: jsonb().$type<EvaluationFailure>(),
    result: jsonb().$type<EvaluationResult>(),
  },
  (t) => [
    index().on(t.workspaceId, t.id),
    index().on(t.testSetId, t.workspaceId, t.id),
    index().on(t.deploymentId, t.workspaceId, t.id),
    index('evaluations_unfinished').on(t.deadlineAt).where(sql`${t.status} in ('QUEUED', 'RUNNING')`),
  ],
)

/** The recognized recordings of an evaluation. A row is written once, so a run continues after the last row of an earlier run. */
export const evaluatedItems = snakeCase.table(
  'evaluated_items',
  {
    evaluationId: uuid()
      .notNull()
      .references(() => evaluations.id, { onDelete: 'cascade' }),
    number: integer().notNull(),
    transcript: text().notNull(),
    words: integer().notNull(),
    substitutions: integer().notNull(),
    deletions: integer().notNull(),
    insertions: integer().notNull(),
    /** The time from the admission of the recording to its end. */
    recognitionMs: real().notNull(),
  },
  (t) => [primaryKey({ columns: [t.evaluationId, t.number] })],
)

export type TestSetRow = typeof testSets.$inferSelect
export type TestItemRow = typeof testItems.$inferSelect
export type EvaluationRow = typeof evaluations.$inferSelect
export type EvaluatedItemRow = typeof evaluatedItems.$inferSelect
