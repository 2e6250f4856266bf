import { sql } from 'drizzle-orm'
import { type AnyPgColumn, bigint, index, integer, jsonb, pgEnum, primaryKey, real, snakeCase, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, id, time } from './columns.ts'

// Enum values are the same words in Postgres and in GraphQL.
export const modelKind = pgEnum('model_kind', ['ACOUSTIC', 'LANGUAGE'])
export const scenario = pgEnum('scenario', ['CONVERSATIONAL', 'SEARCH_AND_DICTATION'])
export const modelStatus = pgEnum('model_status', ['QUEUED', 'BUILDING', 'READY', 'FAILED', 'CANCELED', 'DELETING'])
export const modelStage = pgEnum('model_stage', ['FETCHING', 'CHECKING', 'TRAINING', 'EVALUATING', 'VERIFYING'])
export const uploadKind = pgEnum('upload_kind', ['TEXT', 'RECORDINGS', 'ACOUSTIC_MODEL'])
export type ModelKind = (typeof modelKind.enumValues)[number]
export type Scenario = (typeof scenario.enumValues)[number]
export type ModelStatus = (typeof modelStatus.enumValues)[number]
export type ModelStage = (typeof modelStage.enumValues)[number]
export type UploadKind = (typeof uploadKind.enumValues)[number]
/** One file of a model, with its sources and its checksum. */
export interface ArtifactFile {
  name: string
  /** `npm:<package>/<path>`, `npm-package:`, `file:`, `https:` or `store:`; tried in this order. */
  sources: string[]
  sha256: string
  size: number
}

/** A file by its content. */
export interface StoredFile {
  sha256: string
  size: number
}

/** The sources of a custom model, except the text in `model_texts`. */
export interface Recipe {
  /** The text of a language model, if it was uploaded. */
  text?: StoredFile
  pronunciations?: { spoken: string; written: string }[]
  phrases?: string[]
  /** Recordings with transcripts, for the evaluation. */
  recordings?: StoredFile
  /** The archive of an acoustic model. */
  archive?: { kind: 'UPLOAD'; file: StoredFile } | { kind: 'HTTPS'; url: string; sha256?: string } | { kind: 'NPM'; package: string; sha256?: string }
}

/** Statistics of the text of a language model. */
export interface TextStatistics {
  lines: number
  skippedLines: number
  sentences: number
  words: number
  vocabulary: number
  /** The number of words that are rare in general speech; null when word frequencies are not available. */
  unknownWords: number | null
  unknownExamples: string[]
  perplexity: { general: number; custom: number } | null
}

/** The word errors on recordings with transcripts, without and with a custom model. */
export interface Evaluation {
  recordings: number
  words: number
  /** Word error rates. */
  before: number
  after: number
  /** The weight of the language model, chosen on recordings that are not counted here. */
  weight: number
  improved: { word: string; times: number }[]
  worsened: { word: string; times: number }[]
}

/** The failure of building a model. */
export interface ModelFailure {
  stage: ModelStage
  code: string
  message: string
}

/** Values that all processes of one installation share, such as the secret that signs tokens. */
export const settings = snakeCase.table('settings', { name: text().primaryKey(), value: text().notNull() })

/** The counts that a running process shares with the others. A process that ends leaves its row, which expires. */
export const processCounts = snakeCase.table('process_counts', {
  process: uuid().primaryKey(),
  counts: jsonb().$type<Record<string, number>>().notNull(),
  updatedAt: createdAt(),
})

export const workspaces = snakeCase.table('workspaces', {
  id: id(),
  name: text().notNull(),
  /** The position of the newest event of its deployments, raised under the lock of this row, so that positions commit in order. */
  position: bigint({ mode: 'number' }).notNull().default(0),
  /** The position of the newest event of its models. */
  modelPosition: bigint({ mode: 'number' }).notNull().default(0),
  createdAt: createdAt(),
})

export const models = snakeCase.table(
  'models',
  {
    id: uuid().primaryKey(),
    /** Null for base models, which all workspaces share. */
    workspaceId: uuid().references(() => workspaces.id, { onDelete: 'cascade' }),
    kind: modelKind().notNull(),
    locale: text().notNull(),
    scenario: scenario().notNull(),
    name: text().notNull(),
    description: text().notNull(),
    // The columns keep their old names, so that an older process can run beside this one during an upgrade.
    license: text('licence').notNull(),
    /** The URL of the license text, when a workspace must accept the license; otherwise null. */
    licenseUrl: text('licence_url'),
    files: jsonb().$type<ArtifactFile[]>().notNull(),
    /** The base model of a custom model. */
    baseModelId: uuid().references((): AnyPgColumn => models.id),
    recipe: jsonb().$type<Recipe>(),
    /** Base models are always READY. */
    status: modelStatus().notNull().default('READY'),
    stage: modelStage(),
    progress: real().notNull().default(1),
    failure: jsonb().$type<ModelFailure>(),
    statistics: jsonb().$type<TextStatistics>(),
    evaluation: jsonb().$type<Evaluation>(),
    /** The sequence and the claims, as in deployments. */
    sequence: integer().notNull().default(0),
    attempt: integer().notNull().default(1),
    run: integer().notNull().default(0),
    failedTries: integer().notNull().default(0),
    heldBy: uuid(),
    deadRuns: integer().array().notNull().default([]),
    /** The order among the queued models of its kind in all workspaces: the lowest is next. */
    queueRank: integer('turn').notNull().default(0),
    jobId: uuid(),
    deadlineAt: time(),
    /** Set when a base model has left the catalog. */
    retiredAt: time(),
    createdAt: createdAt(),
    updatedAt: createdAt(),
    /** The time of the status READY, FAILED or CANCELED. */
    completedAt: time(),
  },
  (t) => [
    index().on(t.workspaceId, t.locale, t.kind),
    uniqueIndex('models_name').on(t.workspaceId, t.kind, t.locale, sql`name_key(${t.name})`).where(sql`${t.workspaceId} is not null`),
    index('models_unfinished').on(t.deadlineAt).where(sql`${t.status} in ('QUEUED', 'BUILDING')`),
  ],
)

/** The text in the request for a language model, kept as long as the model. */
export const modelTexts = snakeCase.table('model_texts', {
  modelId: uuid()
    .primaryKey()
    .references(() => models.id, { onDelete: 'cascade' }),
  text: text().notNull(),
})

/** The columns of every event log. */
export const eventColumns = () => ({
  sequence: integer().notNull(),
  workspaceId: uuid()
    .notNull()
    .references(() => workspaces.id, { onDelete: 'cascade' }),
  /** The number among all events of the workspace in this log, without gaps, in the order of the commits. */
  position: bigint({ mode: 'number' }).notNull(),
  progress: real().notNull(),
  message: text().notNull(),
  occurredAt: createdAt(),
})

export const modelEvents = snakeCase.table(
  'model_events',
  {
    /** Not a foreign key: the last event of a deleted model outlives the model. */
    modelId: uuid().notNull(),
    ...eventColumns(),
    kind: modelKind().notNull(),
    status: modelStatus().notNull(),
    previousStatus: modelStatus(),
    stage: modelStage(),
  },
  (t) => [
    primaryKey({ columns: [t.modelId, t.sequence] }),
    uniqueIndex().on(t.workspaceId, t.position),
    index('model_events_deleted').on(t.workspaceId, t.occurredAt).where(sql`${t.status} = 'DELETING'`),
  ],
)

/** Uploaded files for models. Unused ones are removed after a day. */
export const uploads = snakeCase.table(
  'uploads',
  {
    id: id(),
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    kind: uploadKind().notNull(),
    sha256: text().notNull(),
    size: bigint({ mode: 'number' }).notNull(),
    /** The number of lines, of texts only. */
    lines: integer(),
    skippedLines: integer(),
    createdAt: createdAt(),
    expiresAt: time().notNull(),
    /** The time of the first model that uses the file. Used uploads do not count against the limit. */
    usedAt: time(),
  },
  (t) => [uniqueIndex().on(t.workspaceId, t.kind, t.sha256), index().on(t.workspaceId, t.id), index().on(t.expiresAt)],
)

/**
 * The files that a workspace has sent, written before their bytes are stored. A row stays until the file is removed, so
 * that the bytes of deleted uploads are bounded too.
 */
export const receivedFiles = snakeCase.table(
  'received_files',
  {
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    sha256: text().notNull(),
    size: bigint({ mode: 'number' }).notNull(),
    receivedAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.sha256] }), index().on(t.sha256), index().on(t.receivedAt)],
)

/** The licenses that a workspace has accepted. */
export const licenseAcceptances = snakeCase.table(
  'licence_acceptances',
  {
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    license: text('licence').notNull(),
    acceptedAt: createdAt(),
    /** The key that accepted the license. Not a foreign key, since the record outlives the key. */
    keyId: uuid().notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.license] })],
)

export type ModelRow = typeof models.$inferSelect
export type ModelEventRow = typeof modelEvents.$inferSelect
export type UploadRow = typeof uploads.$inferSelect
export type WorkspaceRow = typeof workspaces.$inferSelect
