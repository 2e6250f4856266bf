import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import type { Tx } from '../postgres/client.ts'
import { type ModelKind, type ModelRow, models, modelTexts, type Recipe, type UploadKind } from '../postgres/tables.ts'
import { type Context, checkScope, inTransaction } from './context.ts'
import { checkDisk } from './disk-usage.ts'
import { ExpectedError, type FieldError, QuotaExceededError, UploadNotFoundError, ValidationError } from './errors.ts'
import { findEarlier, idempotencyKeyText, remember } from './idempotency.ts'
import { countOwnModels, findModel, findModelNamed, isLicenseAccepted } from './model.ts'
import { DuplicateModelNameError, LicenseNotAcceptedError, ModelNotFoundError } from './model-errors.ts'
import { building, modelLog } from './model-lifecycle.ts'
import { findTextProblems } from './training-text.ts'
import { useUpload } from './upload.ts'
import { nameText, proseText, validate } from './validation.ts'

const maxTextBytes = 1_000_000
const maxEntries = 1000

interface NewModel {
  name: string
  description?: string | null | undefined
  locale: string
  baseModelId: string
  /** A repetition with the same key and input returns the same model. */
  idempotencyKey?: string | null | undefined
}

export interface NewLanguageModel extends NewModel {
  text?: string | null | undefined
  uploadId?: string | null | undefined
  pronunciations?: readonly { spoken: string; written: string }[] | null | undefined
  phrases?: readonly string[] | null | undefined
  recordingsUploadId?: string | null | undefined
}

export interface NewAcousticModel extends NewModel {
  source: { uploadId?: string | null | undefined; httpsUrl?: string | null | undefined; npmPackage?: string | null | undefined }
  sha256?: string | null | undefined
}

const common = {
  name: nameText,
  description: proseText.nullish().transform((text) => text ?? ''),
  locale: z.string(),
  baseModelId: z.string(),
  idempotencyKey: idempotencyKeyText,
}
const shortText = (maxLength: number) =>
  z
    .string()
    .refine(
      (text) => text.trim().length >= 1 && text.length <= maxLength && !/\p{Cc}|\p{Cs}/u.test(text),
      `must have 1 to ${maxLength} characters and no control characters`,
    )
const listed = <T extends z.ZodType>(entry: T) =>
  z
    .array(entry)
    .max(maxEntries, `must have at most ${maxEntries} entries`)
    .nullish()
    .transform((list) => list ?? [])

const newLanguageModel = z
  .object({
    ...common,
    text: z
      .string()
      .refine((text) => Buffer.byteLength(text) <= maxTextBytes, `must have at most ${maxTextBytes} bytes; PUT a larger text to /uploads and send its uploadId`)
      .nullish(),
    uploadId: z.string().nullish(),
    pronunciations: listed(z.object({ spoken: shortText(100), written: shortText(100) })),
    phrases: listed(shortText(200)),
    recordingsUploadId: z.string().nullish(),
  })
  .refine(({ text, uploadId }) => (text == null) !== (uploadId == null), { path: ['text'], error: 'or uploadId is required, but not both' })

const newAcousticModel = z.object({
  ...common,
  source: z.object({
    uploadId: z.string().nullish(),
    httpsUrl: z
      .url({ protocol: /^https$/, error: 'must be an https: URL' })
      .max(2000)
      .refine((text) => !hasUserinfo(text), 'must not contain a user name or a password')
      .nullish(),
    npmPackage: z
      .string()
      .regex(/^(@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*@\d+\.\d+\.\d+[\w.+-]*$/, 'must be a package name with an exact version, such as @scope/name@1.2.3')
      .max(300)
      .nullish(),
  }),
  sha256: z
    .string()
    .transform((text) => text.toLowerCase())
    .refine((text) => /^[0-9a-f]{64}$/.test(text), 'must be 64 hex digits')
    .nullish(),
})

function hasUserinfo(address: string): boolean {
  const { username, password } = URL.parse(address) ?? {}
  return Boolean(username || password)
}

/** The invalid lines of a text. A text that is too long is not read. */
async function findLineProblems(text: string | null | undefined): Promise<FieldError[]> {
  if (text == null || Buffer.byteLength(text) > maxTextBytes) return []
  const problems = await findTextProblems(text)
  return problems.length ? [{ path: 'text', message: `text ${problems.join('; ')}` }] : []
}

/** Inserts a custom language model and enqueues its training in one transaction. */
export async function createLanguageModel(ctx: Context, wanted: NewLanguageModel): Promise<ModelRow | ExpectedError> {
  const refused = checkScope(ctx, 'MANAGE')
  if (refused) return refused
  const input = validate(newLanguageModel, wanted)
  const problems = [...(input instanceof ValidationError ? input.fieldErrors : []), ...(await findLineProblems(wanted.text))]
  if (input instanceof ValidationError || problems.length) return new ValidationError(problems)
  const { text, uploadId, recordingsUploadId, pronunciations, phrases } = input
  return addModel(ctx, 'LANGUAGE', input, async (tx) => {
    const recipe: Recipe = { pronunciations, phrases }
    for (const [what, id, kind, path, called] of [
      ['text', uploadId, 'TEXT', 'uploadId', 'a text'],
      ['recordings', recordingsUploadId, 'RECORDINGS', 'recordingsUploadId', 'recordings'],
    ] as const) {
      if (id == null) continue
      const file = await takeUpload(ctx, tx, kind, id)
      if (!file) return new UploadNotFoundError(path, called)
      recipe[what] = file
    }
    return { recipe, text: text ?? undefined }
  })
}

/** Inserts a custom acoustic model and enqueues its validation in one transaction. */
export async function createAcousticModel(ctx: Context, wanted: NewAcousticModel): Promise<ModelRow | ExpectedError> {
  const input = checkScope(ctx, 'MANAGE') ?? validate(newAcousticModel, wanted)
  if (input instanceof ExpectedError) return input
  const { source, sha256 } = input
  const known = sha256 ? { sha256 } : {}
  return addModel(ctx, 'ACOUSTIC', input, async (tx) => {
    if (source.httpsUrl != null) return { recipe: { archive: { kind: 'HTTPS', url: source.httpsUrl, ...known } } }
    if (source.npmPackage != null) return { recipe: { archive: { kind: 'NPM', package: source.npmPackage, ...known } } }
    const file = await takeUpload(ctx, tx, 'ACOUSTIC_MODEL', source.uploadId ?? '')
    if (!file) return new UploadNotFoundError('source.uploadId', 'an acoustic model')
    if (sha256 && sha256 !== file.sha256)
      return new ValidationError([{ path: 'sha256', message: `sha256 must be ${file.sha256}, which is the SHA-256 of the upload` }])
    return { recipe: { archive: { kind: 'UPLOAD', file } } }
  })
}

async function takeUpload({ viewer }: Context, tx: Tx, kind: UploadKind, id: string) {
  const upload = await useUpload(tx, viewer.workspaceId, kind, id)
  return upload && { sha256: upload.sha256, size: upload.size }
}

async function addModel(
  ctx: Context,
  kind: ModelKind,
  { idempotencyKey, ...wanted }: z.infer<z.ZodObject<typeof common>>,
  prepare: (tx: Tx) => Promise<{ recipe: Recipe; text?: string | undefined } | ExpectedError>,
): Promise<ModelRow | ExpectedError> {
  const { workspaceId } = ctx.viewer
  const { name, description, locale, baseModelId } = wanted
  return changeWorkspace(ctx.store.db, workspaceId, async (tx) => {
    const earlier = idempotencyKey && (await findEarlier(tx, 'model', workspaceId, idempotencyKey, wanted))
    if (earlier) return earlier instanceof ExpectedError ? earlier : earlier.made
    const inside = inTransaction(ctx, tx)
    const base = await findModel(inside, kind, baseModelId)
    if (!base || base.workspaceId !== null) return new ModelNotFoundError('baseModelId', `base ${kind.toLowerCase()}`)
    if (base.locale !== locale) return new ValidationError([{ path: 'locale', message: `locale must be ${base.locale}, the locale of the base model` }])
    if (!(await isLicenseAccepted(inside, base))) return new LicenseNotAcceptedError(base, 'baseModelId')
    const twin = await findModelNamed(tx, workspaceId, kind, wanted)
    if (twin) return new DuplicateModelNameError(twin)
    const used = await countOwnModels(inside)
    if (used >= ctx.limits.models) return new QuotaExceededError('models', ctx.limits.models, used)
    const prepared = await prepare(tx)
    if (prepared instanceof ExpectedError) return prepared
    // The size of the files that building makes is not known yet, so the workspace must be below its quota.
    const full = await checkDisk(tx, ctx.limits, workspaceId, Math.max(1, Buffer.byteLength(prepared.text ?? '')))
    if (full) return full
    const [id] = await tx.execute<{ id: string }>(sql`select uuidv7() as id`)
    const values = {
      name,
      description,
      locale,
      id: id?.id ?? '',
      workspaceId,
      kind,
      scenario: base.scenario,
      baseModelId,
      // A custom acoustic model has the license of its base model. A text belongs to its owner.
      license: kind === 'ACOUSTIC' ? base.license : 'LicenseRef-own',
      files: [],
      recipe: prepared.recipe,
      status: 'QUEUED' as const,
      progress: 0,
      sequence: 1,
      ...building.newPosition(ctx, { workspaceId, kind }),
    }
    const [created] = await tx.insert(models).values(values).returning()
    if (!created) throw new Error('A new model was not inserted.')
    if (prepared.text !== undefined) await tx.insert(modelTexts).values({ modelId: created.id, text: prepared.text })
    if (idempotencyKey) await remember(tx, workspaceId, idempotencyKey, wanted, { modelId: created.id })
    const row = { ...created, workspaceId }
    await modelLog.record(tx, row, null, 'Waiting for a worker.')
    await building.enqueue(tx, ctx, row)
    return created
  })
}
