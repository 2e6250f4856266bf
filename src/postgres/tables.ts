import { sql } from 'drizzle-orm'
import { type AnyPgColumn, bigint, boolean, index, integer, jsonb, pgEnum, primaryKey, real, snakeCase, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, id, time } from './columns.ts'

// Enum values are the same words in Postgres and in GraphQL.
export const modelKind = pgEnum('model_kind', ['ACOUSTIC', 'LANGUAGE'])
export const scenario = pgEnum('scenario', ['CONVERSATIONAL', 'SEARCH_AND_DICTATION'])
export const modelStatus = pgEnum('model_status', ['QUEUED', 'BUILDING', 'READY', 'FAILED', 'CANCELED', 'DELETING'])
export const modelStage = pgEnum('model_stage', ['FETCHING', 'CHECKING', 'TRAINING', 'EVALUATING', 'VERIFYING'])
export const uploadKind = pgEnum('upload_kind', ['TEXT', 'RECORDINGS', 'ACOUSTIC_MODEL'])
export const keyScope = pgEnum('key_scope', ['MANAGE', 'READ', 'RECOGNIZE'])

export type ModelKind = (typeof modelKind.enumValues)[number]
export type Scenario = (typeof scenario.enumValues)[number]
export type ModelStatus = (typeof modelStatus.enumValues)[number]
export type ModelStage = (typeof modelStage.enumValues)[number]
export type UploadKind = (typeof uploadKind.enumValues)[number]
export type KeyScope = (typeof keyScope.enumValues)[number]

/** One file of a model: where it is found, and what proves that it is the right one. */
export interface ArtifactFile {
  name: string
  /** `npm:<package>/<path>`, `file:` or `https:`; tried in this order. */
  sources: string[]
  sha256: string
  size: number
}

/** A file in the artifact directory by what is in it. */
export interface StoredFile {
  sha256: string
  size: number
}

/** What a custom model was made from, as far as it is not in `model_texts`. */
export interface Recipe {
  /** The text of a language model, if it was uploaded. */
  text?: StoredFile
  pronunciations?: { spoken: string; written: string }[]
  phrases?: string[]
  /** Recordings with transcripts to try it on. */
  recordings?: StoredFile
  /** An acoustic model's archive. */
  archive?: { kind: 'UPLOAD'; file: StoredFile } | { kind: 'HTTPS'; url: string; sha256?: string } | { kind: 'NPM'; package: string; sha256?: string }
}

/** What a language model's text held. */
export interface TextStatistics {
  lines: number
  skippedLines: number
  sentences: number
  words: number
  vocabulary: number
  /** Words that speech in general hardly has; null where that is not known. */
  unknownWords: number | null
  unknownExamples: string[]
  perplexity: { general: number; custom: number } | null
}

/** How recordings with known transcripts were recognized without and with a custom model. */
export interface Evaluation {
  recordings: number
  words: number
  /** Word error rates. */
  before: number
  after: number
  /** How much the model's words count against the sound; chosen on other recordings than those counted here. */
  weight: number
  improved: { word: string; times: number }[]
  worsened: { word: string; times: number }[]
}

/** Why a model could not be built. */
export interface ModelFailure {
  stage: ModelStage
  code: string
  message: string
}

/** Values that all processes of one installation share, such as the secret that signs tokens. */
export const settings = snakeCase.table('settings', { name: text().primaryKey(), value: text().notNull() })

export const workspaces = snakeCase.table('workspaces', {
  id: id(),
  name: text().notNull(),
  /** The number of the newest event of any of its deployments; raised under this row's lock, so that numbers commit in order. */
  position: bigint({ mode: 'number' }).notNull().default(0),
  /** The same for the events of its models. */
  modelPosition: bigint({ mode: 'number' }).notNull().default(0),
  createdAt: createdAt(),
})

export const keys = snakeCase.table(
  'keys',
  {
    id: id(),
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    name: text().notNull(),
    prefix: text().notNull(),
    /** SHA-256 of the secret, in hex; the secret itself is not kept. */
    secretHash: text().notNull(),
    scopes: keyScope().array().notNull(),
    /** The bootstrap key alone may make workspaces. */
    isBootstrap: boolean().notNull().default(false),
    /** True for a bootstrap key that came from the configuration, and ends with it. */
    isConfigured: boolean().notNull().default(false),
    lastUsedAt: time(),
    expiresAt: time(),
    revokedAt: time(),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex().on(t.secretHash), index().on(t.workspaceId, t.id)],
)

/** Browsers that are signed in to the dashboard. A row ends with its key, and is deleted at the sign-out. */
export const sessions = snakeCase.table(
  'sessions',
  {
    id: id(),
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    /** The key that signed in: the session opens as much as the key does. */
    keyId: uuid()
      .notNull()
      .references(() => keys.id, { onDelete: 'cascade' }),
    /** SHA-256 of the token in the cookie, in hex; the token itself is not kept. */
    tokenHash: text().notNull(),
    /** What the browser calls itself. */
    userAgent: text(),
    createdAt: createdAt(),
    lastUsedAt: createdAt(),
    expiresAt: time().notNull(),
  },
  (t) => [uniqueIndex().on(t.tokenHash), index().on(t.workspaceId), index().on(t.keyId), index().on(t.expiresAt)],
)

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
    // The columns keep their first spelling, so that an older process can run beside this one during an upgrade.
    license: text('licence').notNull(),
    /** Where its text stands, for those who have to accept it before they use the model; null where nobody has to. */
    licenseUrl: text('licence_url'),
    files: jsonb().$type<ArtifactFile[]>().notNull(),
    /** The model that a custom one grew from. */
    baseModelId: uuid().references((): AnyPgColumn => models.id),
    recipe: jsonb().$type<Recipe>(),
    /** Base models are READY for as long as they are there. */
    status: modelStatus().notNull().default('READY'),
    stage: modelStage(),
    progress: real().notNull().default(1),
    failure: jsonb().$type<ModelFailure>(),
    statistics: jsonb().$type<TextStatistics>(),
    evaluation: jsonb().$type<Evaluation>(),
    /** As those of deployments: raised under the row's lock, and what fences off workers that were overtaken. */
    sequence: integer().notNull().default(0),
    attempt: integer().notNull().default(1),
    run: integer().notNull().default(0),
    failedTries: integer().notNull().default(0),
    heldBy: uuid(),
    deadRuns: integer().array().notNull().default([]),
    /** Its place among the models of its kind that wait, whosever they are: the lowest is next. */
    turn: integer().notNull().default(0),
    jobId: uuid(),
    deadlineAt: time(),
    /** Set when a base model has left the catalog. */
    retiredAt: time(),
    createdAt: createdAt(),
    updatedAt: createdAt(),
    /** When it became READY, FAILED or CANCELED. */
    completedAt: time(),
  },
  (t) => [
    index().on(t.workspaceId, t.locale, t.kind),
    uniqueIndex('models_name').on(t.workspaceId, t.kind, t.locale, sql`name_key(${t.name})`).where(sql`${t.workspaceId} is not null`),
    index('models_unfinished').on(t.deadlineAt).where(sql`${t.status} in ('QUEUED', 'BUILDING')`),
  ],
)

/** Text that came with the wish for a language model, kept for as long as the model is. */
export const modelTexts = snakeCase.table('model_texts', {
  modelId: uuid()
    .primaryKey()
    .references(() => models.id, { onDelete: 'cascade' }),
  text: text().notNull(),
})

/** What every log of events has, whatever it is about. */
export const eventColumns = () => ({
  sequence: integer().notNull(),
  workspaceId: uuid()
    .notNull()
    .references(() => workspaces.id, { onDelete: 'cascade' }),
  /** Among all events of the workspace in this log; without a gap, in the order of their commits. */
  position: bigint({ mode: 'number' }).notNull(),
  progress: real().notNull(),
  message: text().notNull(),
  occurredAt: createdAt(),
})

export const modelEvents = snakeCase.table(
  'model_events',
  {
    /** Not a foreign key, as for deployments. */
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

/** Files that were sent to make models from; unused ones are removed after a day. */
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
    /** Of texts. */
    lines: integer(),
    skippedLines: integer(),
    createdAt: createdAt(),
    expiresAt: time().notNull(),
    /** When a model was made from it first; from then on it does not count against the limit. */
    usedAt: time(),
  },
  (t) => [uniqueIndex().on(t.workspaceId, t.kind, t.sha256), index().on(t.workspaceId, t.id), index().on(t.expiresAt)],
)

/** Which licenses were accepted for a workspace. */
export const licenseAcceptances = snakeCase.table(
  'licence_acceptances',
  {
    workspaceId: uuid()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    license: text('licence').notNull(),
    acceptedAt: createdAt(),
    /** The key that accepted it; kept for the record, so not a reference. */
    keyId: uuid().notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.license] })],
)

export type KeyRow = typeof keys.$inferSelect
export type SessionRow = typeof sessions.$inferSelect
export type ModelRow = typeof models.$inferSelect
export type ModelEventRow = typeof modelEvents.$inferSelect
export type UploadRow = typeof uploads.$inferSelect
export type WorkspaceRow = typeof workspaces.$inferSelect
