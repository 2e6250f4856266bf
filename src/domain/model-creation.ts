import { and, eq, isNotNull, sql } from 'drizzle-orm'
import { z } from 'zod'
import { changeWorkspace } from '../lifecycle/workspace-lock.ts'
import type { Tx } from '../postgres/client.ts'
import { type ModelKind, type ModelRow, models, modelTexts, type Recipe, type UploadKind } from '../postgres/tables.ts'
import { type Context, checkScope, inTransaction } from './context.ts'
import { checkDisk } from './disk-usage.ts'
import {
  DuplicateModelNameError,
  ExpectedError,
  type FieldError,
  LicenseNotAcceptedError,
  ModelNotFoundError,
  QuotaExceededError,
  UploadNotFoundError,
  ValidationError,
} from './errors.ts'
import { findEarlier, idempotencyKeyText, remember } from './idempotency.ts'
import { countOwnModels, findModel, isLicenseAccepted } from './model.ts'
import { building } from './model-building.ts'
import { modelLog } from './model-lifecycle.ts'
import { findTextProblems } from './training-text.ts'
import { useUpload } from './upload.ts'
import { nameKey, nameText, proseText, validate } from './validation.ts'

const maxText = 1_000_000
const maxListed = 1000

interface NewModel {
  name: string
  description?: string | null | undefined
  locale: string
  baseModelId: string
  /** Sent again with the same input, it answers the same model. */
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
const shortText = (most: number) =>
  z
    .string()
    .refine(
      (text) => text.trim().length >= 1 && text.length <= most && !/\p{Cc}|\p{Cs}/u.test(text),
      `must have 1 to ${most} characters, none of them control characters`,
    )
const listed = <T extends z.ZodType>(entry: T) =>
  z
    .array(entry)
    .max(maxListed, `must have at most ${maxListed} entries`)
    .nullish()
    .transform((list) => list ?? [])

const newLanguageModel = z
  .object({
    ...common,
    text: z
      .string()
      .refine((text) => Buffer.byteLength(text) <= maxText, `must have at most ${maxText} bytes; PUT a larger one to /uploads and give its uploadId`)
      .nullish(),
    uploadId: z.string().nullish(),
    pronunciations: listed(z.object({ spoken: shortText(100), written: shortText(100) })),
    phrases: listed(shortText(200)),
    recordingsUploadId: z.string().nullish(),
  })
  .refine(({ text, uploadId }) => (text == null) !== (uploadId == null), { path: ['text'], error: 'or uploadId must be given, and not both' })

const newAcousticModel = z.object({
  ...common,
  source: z.object({
    uploadId: z.string().nullish(),
    httpsUrl: z
      .url({ protocol: /^https$/, error: 'must be an https: address' })
      .max(2000)
      .refine((text) => !hasUserinfo(text), 'must not carry a user name or a password')
      .nullish(),
    npmPackage: z
      .string()
      .regex(/^(@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*@\d+\.\d+\.\d+[\w.+-]*$/, 'must be a package with its exact version, such as @scope/name@1.2.3')
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

/** What is wrong with the lines of a text that is not too long to be read. */
async function findLineProblems(text: string | null | undefined): Promise<FieldError[]> {
  if (text == null || Buffer.byteLength(text) > maxText) return []
  const problems = await findTextProblems(text)
  return problems.length ? [{ path: 'text', message: `text ${problems.join('; ')}` }] : []
}

/** Records a language model of the workspace's own and asks for its training, or does neither. */
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

/** Records an acoustic model of the workspace's own and asks for its files to be fetched and checked, or does neither. */
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
    if (sha256 && sha256 !== file.sha256) return new ValidationError([{ path: 'sha256', message: `sha256 is not that of the upload, which is ${file.sha256}` }])
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
    if (base.locale !== locale) return new ValidationError([{ path: 'locale', message: `locale must be ${base.locale}, which the base model is for` }])
    if (!(await isLicenseAccepted(inside, base))) return new LicenseNotAcceptedError(base, 'baseModelId')
    const twin = await findModelNamed(tx, workspaceId, kind, wanted)
    if (twin) return new DuplicateModelNameError(twin)
    const used = await countOwnModels(inside)
    if (used >= ctx.limits.models) return new QuotaExceededError('models', ctx.limits.models, used)
    const prepared = await prepare(tx)
    if (prepared instanceof ExpectedError) return prepared
    // Of what building will make, the size is not known yet: there must be room for something at least.
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
      // What grows from the sound of a base model stays under its license; a text is its owner's.
      license: kind === 'ACOUSTIC' ? base.license : 'LicenseRef-own',
      files: [],
      recipe: prepared.recipe,
      status: 'QUEUED' as const,
      progress: 0,
      sequence: 1,
      ...(await building.takePlace(tx, ctx, { workspaceId, kind })),
    }
    const [created] = await tx.insert(models).values(values).returning()
    if (!created) throw new Error('a new model was not inserted')
    if (prepared.text !== undefined) await tx.insert(modelTexts).values({ modelId: created.id, text: prepared.text })
    if (idempotencyKey) await remember(tx, workspaceId, idempotencyKey, wanted, { modelId: created.id })
    const row = { ...created, workspaceId }
    await modelLog.record(tx, row, null, 'Waiting for a worker.')
    await building.enqueue(tx, ctx, row)
    return created
  })
}

/** The workspace's own model whose name looks like this one. */
export async function findModelNamed(
  tx: Tx,
  workspaceId: string,
  kind: ModelKind,
  { name, locale }: Pick<ModelRow, 'name' | 'locale'>,
): Promise<ModelRow | undefined> {
  const named = and(eq(models.workspaceId, workspaceId), eq(models.kind, kind), eq(models.locale, locale), eq(nameKey(models.name), nameKey(name)))
  const [found] = await tx
    .select()
    .from(models)
    .where(and(isNotNull(models.workspaceId), named))
  return found
}
