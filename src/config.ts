import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'

/** A part of the service that a process runs: GraphQL and the dashboard, jobs, or speech endpoints. */
type Role = 'api' | 'jobs' | 'speech'

/** Every setting, parsed once. Only this file reads the environment. */
export interface Config {
  http: { host: string; port: number; publicUrl: string | undefined; internalUrl: string | undefined; drainMs: number; allowedOrigins: string[] }
  dataDir: string
  databaseUrl: string | undefined
  /** Of this process, at most. */
  databaseConnections: number
  roles: ReadonlySet<Role>
  bootstrapKey: string | undefined
  logLevel: 'silent' | 'error' | 'warn' | 'info' | 'debug'
  catalogFile: string
  graphiql: boolean
  limits: {
    deployments: number
    keys: number
    models: number
    uploads: number
    /** Disk usage of a workspace's uploads, custom models and test sets. */
    diskBytes: number
    /** Per minute. */
    mutationsPerKey: number
    mutationsPerWorkspace: number
    deadlineSeconds: number
    stallSeconds: number
    noticeSeconds: number
    operationCost: number
    operationDepth: number
    subscriptionsPerSocket: number
    socketsPerKey: number
  }
  artifacts: {
    dataDir: string
    privateSources: boolean
    npmRegistry?: string | undefined
    objectStore?: ObjectStore | undefined
    /** False for a process that only receives files and does not read them. */
    keepsCopies?: boolean
  }
  parallelJobs: number
  uploads: { maxBytes: number }
  /** Streams recognized at once, and the time in which they can end after SIGTERM. */
  sessions: { all: number; ofKey: number; ofDeployment: number; graceMs: number }
  /** Further words for the profanity filter. */
  profaneWords: string[]
  recognition: { workers: number; memoryMb: number }
  /** The maximum number of processes that decode compressed recordings. */
  audio: { processes: number }
}

/** A bucket of an S3-compatible store, and the account that can read and write it. */
interface ObjectStore {
  endpoint: string
  bucket: string
  /** Empty, or ends with a slash. */
  prefix: string
  region: string
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string | undefined
}

/** The environment has invalid settings. The message has a line for each. */
export class ConfigError extends Error {
  readonly problems: string[]
  constructor(problems: string[]) {
    super(`The configuration has ${problems.length === 1 ? 'a problem' : 'problems'}:\n${problems.map((p) => `  ${p}`).join('\n')}`)
    this.problems = problems
  }
}

/** Megabytes for both base models and a custom model. */
const memoryPerRecognizer = 800

/** Connections to Postgres of a process, for rows, jobs and notifications: the fewest that it works with, and the usual limit. */
export const minConnections = 7
export const usualConnections = 12

/** The form of a key's secret, generated or configured. */
export const secretPattern = /^cs_[\w-]{24,}$/

const whole = (min: number, max: number) =>
  z.coerce.number('must be a whole number').int('must be a whole number').min(min, `must be at least ${min}`).max(max, `must be at most ${max}`)
const list = z.string().transform((value) =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean),
)
const webUrl = z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
const baseUrl = webUrl.transform((url) => url.replace(/\/+$/, ''))
const switchedOn = z.enum(['on', 'off'], 'must be on or off').transform((value) => value === 'on')

/** The maximum seconds without progress before clients see a notice, even if STALL_SECONDS is larger. */
const maxNotice = 30

const environment = z.object({
  PORT: whole(0, 65535).default(4000),
  HOST: z.string().default('127.0.0.1'),
  PUBLIC_URL: baseUrl.optional(),
  INTERNAL_URL: baseUrl.optional(),
  ALLOWED_ORIGINS: list.pipe(z.array(webUrl.transform((url) => new URL(url).origin))).default([]),
  DATA_DIR: z.string().default('.data'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }).optional(),
  DATABASE_CONNECTIONS: whole(minConnections, 1000).default(usualConnections),
  ROLES: list
    .pipe(z.array(z.enum(['api', 'jobs', 'speech'], 'must be any of api, jobs, speech, separated by commas')).min(1, 'must name at least one role'))
    .default(['api', 'jobs', 'speech']),
  BOOTSTRAP_KEY: z.string().regex(secretPattern, 'must be cs_ and at least 24 letters, digits, _ or -').optional(),
  LOG_LEVEL: z.enum(['silent', 'error', 'warn', 'info', 'debug'], 'must be silent, error, warn, info or debug').default('warn'),
  CATALOG: z.string().default(resolve(import.meta.dirname, 'catalog/catalog.json')),
  GRAPHIQL: switchedOn.default(true),
  RECOGNIZERS: whole(1, 64).default(Math.min(4, availableParallelism())),
  RECOGNIZER_MEMORY_MB: whole(100, 1_000_000).optional(),
  DECODERS: whole(0, 64).default(8),
  MAX_DEPLOYMENTS: whole(1, 1_000_000).default(1000),
  MAX_KEYS: whole(1, 100_000).default(100),
  MAX_MODELS: whole(1, 100_000).default(100),
  MAX_UPLOADS: whole(1, 100_000).default(100),
  MAX_UPLOAD_MB: whole(1, 10_000).default(200),
  MAX_DISK_MB: whole(1, 1_000_000_000).default(10_000),
  MAX_MUTATIONS_PER_KEY: whole(1, 1_000_000).default(600),
  MAX_MUTATIONS_PER_WORKSPACE: whole(1, 1_000_000).default(1200),
  DEADLINE_SECONDS: whole(1, 86_400).default(3600),
  STALL_SECONDS: whole(1, 86_400).default(120),
  PRIVATE_SOURCES: switchedOn.default(false),
  // The setting of npm, which npm also sets for its scripts.
  npm_config_registry: webUrl.transform((url) => (url.endsWith('/') ? url : `${url}/`)).optional(),
  ARTIFACT_STORE: z
    .string()
    .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w.-]+)*\/?$/, 'must be s3://bucket or s3://bucket/prefix')
    .optional(),
  // The variables of the tools of AWS.
  AWS_ENDPOINT_URL: webUrl.transform((url) => url.replace(/\/+$/, '')).optional(),
  AWS_REGION: z.string().default('us-east-1'),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_SESSION_TOKEN: z.string().optional(),
  PARALLEL_JOBS: whole(1, 64).default(4),
  MAX_OPERATION_COST: whole(100, 1_000_000).default(10_000),
  MAX_OPERATION_DEPTH: whole(5, 100).default(15),
  MAX_SUBSCRIPTIONS_PER_SOCKET: whole(1, 100_000).default(100),
  MAX_SOCKETS_PER_KEY: whole(1, 100_000).default(1000),
  MAX_SESSIONS: whole(1, 100_000).default(500),
  MAX_SESSIONS_PER_KEY: whole(1, 100_000).default(500),
  MAX_SESSIONS_PER_DEPLOYMENT: whole(1, 100_000).default(500),
  DRAIN_SECONDS: whole(0, 300).default(0),
  SHUTDOWN_SECONDS: whole(0, 3600).default(10),
  PROFANE_WORDS: list.default([]),
})

/** The settings that are secrets. The variable with `_FILE` names a file with the value, as containers mount secrets. */
const secrets = ['DATABASE_URL', 'BOOTSTRAP_KEY', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'] as const

/** The values of the files that `_FILE` variables name, and the problems of those that cannot be read. */
function readSecrets(env: NodeJS.ProcessEnv): { values: Record<string, string>; problems: string[] } {
  const values: Record<string, string> = {}
  const problems: string[] = []
  for (const name of secrets) {
    const file = env[`${name}_FILE`]
    if (!file) continue
    if (env[name]) {
      problems.push(`${name}_FILE: cannot be set together with ${name}. Remove one of them.`)
      continue
    }
    try {
      values[name] = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
      if (!values[name]) problems.push(`${name}_FILE: the file ${file} is empty`)
    } catch (error) {
      problems.push(`${name}_FILE: the file ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
    }
  }
  return { values, problems }
}

/** Reads the whole environment. Throws one {@link ConfigError} that lists every invalid setting. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const files = readSecrets(env)
  const given: NodeJS.ProcessEnv = { ...Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')), ...files.values }
  // Machines have the variables of AWS for other programs too.
  if (!given['ARTIFACT_STORE']) delete given['AWS_ENDPOINT_URL']
  const parsed = environment.safeParse(given)
  const problems = [...files.problems, ...(parsed.error?.issues ?? []).map((issue) => `${String(issue.path[0])}: ${issue.message}`)]
  if (problems.length || !parsed.success) throw new ConfigError(problems)
  const value = parsed.data
  const roles = new Set(value.ROLES)
  if (roles.has('jobs') && !roles.has('speech') && !value.INTERNAL_URL && !value.PUBLIC_URL)
    throw new ConfigError([
      'INTERNAL_URL: must be set if ROLES has jobs without speech, or PUBLIC_URL. New deployments are tested there. Set the URL at which this process reaches the processes with the role speech.',
    ])
  return {
    http: {
      host: value.HOST,
      port: value.PORT,
      publicUrl: value.PUBLIC_URL,
      internalUrl: value.INTERNAL_URL,
      drainMs: value.DRAIN_SECONDS * 1000,
      allowedOrigins: value.ALLOWED_ORIGINS,
    },
    dataDir: resolve(value.DATA_DIR),
    databaseUrl: value.DATABASE_URL,
    databaseConnections: value.DATABASE_CONNECTIONS,
    roles,
    bootstrapKey: value.BOOTSTRAP_KEY,
    logLevel: value.LOG_LEVEL,
    catalogFile: resolve(value.CATALOG),
    graphiql: value.GRAPHIQL,
    limits: {
      deployments: value.MAX_DEPLOYMENTS,
      keys: value.MAX_KEYS,
      models: value.MAX_MODELS,
      uploads: value.MAX_UPLOADS,
      diskBytes: value.MAX_DISK_MB * 1e6,
      mutationsPerKey: value.MAX_MUTATIONS_PER_KEY,
      mutationsPerWorkspace: value.MAX_MUTATIONS_PER_WORKSPACE,
      deadlineSeconds: value.DEADLINE_SECONDS,
      stallSeconds: value.STALL_SECONDS,
      noticeSeconds: Math.min(maxNotice, value.STALL_SECONDS / 2),
      operationCost: value.MAX_OPERATION_COST,
      operationDepth: value.MAX_OPERATION_DEPTH,
      subscriptionsPerSocket: value.MAX_SUBSCRIPTIONS_PER_SOCKET,
      socketsPerKey: value.MAX_SOCKETS_PER_KEY,
    },
    artifacts: {
      dataDir: resolve(value.DATA_DIR),
      privateSources: value.PRIVATE_SOURCES,
      npmRegistry: value.npm_config_registry,
      objectStore: readObjectStore(value),
      keepsCopies: roles.has('jobs') || roles.has('speech'),
    },
    parallelJobs: value.PARALLEL_JOBS,
    uploads: { maxBytes: value.MAX_UPLOAD_MB * 1e6 },
    sessions: {
      all: value.MAX_SESSIONS,
      ofKey: value.MAX_SESSIONS_PER_KEY,
      ofDeployment: value.MAX_SESSIONS_PER_DEPLOYMENT,
      graceMs: value.SHUTDOWN_SECONDS * 1000,
    },
    profaneWords: value.PROFANE_WORDS,
    recognition: { workers: value.RECOGNIZERS, memoryMb: value.RECOGNIZER_MEMORY_MB ?? value.RECOGNIZERS * memoryPerRecognizer },
    audio: { processes: value.DECODERS },
  }
}

function readObjectStore(value: z.infer<typeof environment>): ObjectStore | undefined {
  const [, bucket, path = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(value.ARTIFACT_STORE ?? '') ?? []
  if (!bucket) return undefined
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken, AWS_REGION: region } = value
  if (!accessKeyId || !secretAccessKey)
    throw new ConfigError(['ARTIFACT_STORE: needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Set the account that can read and write the bucket.'])
  const endpoint = value.AWS_ENDPOINT_URL ?? `https://s3.${region}.amazonaws.com`
  return { endpoint, bucket, prefix: path ? `${path}/` : '', region, accessKeyId, secretAccessKey, sessionToken }
}
