import { setTimeout as delay } from 'node:timers/promises'
import { type FirstKey, prepareBootstrapKey } from './access/bootstrap-key-file.ts'
import { openKeyring } from './access/keyring.ts'
import { openSealing } from './access/sealing.ts'
import { openTokens } from './access/speech-token.ts'
import { createFileStore } from './artifacts/file-store.ts'
import { openArtifacts } from './artifacts/store.ts'
import { openDecoders } from './audio/decoders.ts'
import type { Config } from './config.ts'
import { prepareDataDir } from './data-dir.ts'
import { publishCatalog, readCatalog } from './domain/catalog.ts'
import type { Service } from './domain/context.ts'
import { noteOnDeployment } from './domain/deployment-action.ts'
import { createMutationRate } from './domain/mutation-rate.ts'
import { listen } from './http/listen.ts'
import { importTestSetHandler } from './jobs/import-test-set.ts'
import { keepDeadlines } from './jobs/keep-deadlines.ts'
import { provisionDeploymentHandler } from './jobs/provision-deployment.ts'
import { provisionRevisionHandler } from './jobs/provision-revision.ts'
import { createRecognizersOnDemand } from './jobs/recognizers-on-demand.ts'
import { runEvaluationHandler } from './jobs/run-evaluation.ts'
import { keepArtifactsTidy } from './jobs/tidy-artifacts.ts'
import { keepCacheTidy } from './jobs/tidy-cache.ts'
import { trainLanguageModelHandler } from './jobs/train-language-model.ts'
import { validateAcousticModelHandler } from './jobs/validate-acoustic-model.ts'
import { openFeeds } from './lifecycle/event-feed.ts'
import {
  allJobs,
  importTestSet,
  provisionDeployment,
  provisionGatedRevision,
  provisionRevision,
  runEvaluation,
  trainLanguageModel,
  validateAcousticModel,
} from './lifecycle/job-definitions.ts'
import { openLog } from './log.ts'
import { openObservation } from './observation.ts'
import { openSharedCounts } from './postgres/shared-counts.ts'
import { openStore } from './postgres/store.ts'
import type { Suspicion } from './recognition/quarantine.ts'
import { openRecognizers } from './recognition/recognizers.ts'
import { openRoutes, type ServiceParts } from './routes.ts'
import { openPreloading } from './speech/preload.ts'
import { version } from './version.ts'

/**
 * The time for closing all parts, in addition to the grace period of streams. Parts that are not closed by then, for
 * example because Postgres does not answer, end with the process.
 */
const closeMs = 4_000
const roundMs = 1_000

export interface RunningService {
  /** The URL for clients. */
  url: string
  /** The URL on this machine. */
  localUrl: string
  /** A key with every scope; empty if this process does not know its secret. */
  key: string
  keyOrigin: FirstKey['origin']
  /** The reason why the secret is unknown, and how to get another key. */
  keyMissing: string | undefined
  /** Sets /ready to 503, so that balancers send no further requests. All requests are still handled. */
  withdraw(): void
  close(): Promise<void>
}

interface StartOptions {
  /** Starts a recognizer beside Postgres and waits for both, as /ready does. Otherwise the first recording starts one. */
  withRecognizer?: boolean
}

/** Opens all parts in order, from the port to the job workers. `close` closes them in reverse. */
export async function startService(config: Config, { withRecognizer = false }: StartOptions = {}): Promise<RunningService> {
  const log = openLog(config.logLevel, { version, roles: [...config.roles].join(',') })
  const opened: (() => Promise<unknown>)[] = []
  const withdrawal = new AbortController()
  const close = async () => {
    withdrawal.abort()
    const inTime = new AbortController()
    const late = delay(config.sessions.graceMs + closeMs, undefined, { signal: inTime.signal }).catch(() => {})
    for (const closeOne of opened.splice(0).reverse()) {
      const closed = closeOne().catch((error) => log.warn({ reason: error }, 'a part was not closed properly'))
      await Promise.race([closed, late])
    }
    inTime.abort()
  }
  const open = async <T extends { close(): Promise<unknown> }>(part: T | Promise<T>): Promise<T> => {
    const value = await part
    opened.push(() => value.close())
    return value
  }
  /** For periodic tasks. A round can wait for Postgres, so closing waits for the current round only briefly. */
  const openRounds = (part: { close(): Promise<unknown> }) => {
    opened.push(() => Promise.race([part.close(), delay(roundMs)]))
  }
  try {
    const catalog = await readCatalog(config.catalogFile)
    // The port comes first: if another program uses it, nothing has to be undone.
    const observation = await open(openObservation(config, log))
    // A balancer can know the port, and other processes of the database that serve meanwhile.
    const isBalanced = config.databaseUrl !== undefined && config.http.port !== 0
    const http = await open(listen(config.http, observation.requests, { refusesWhileStarting: isBalanced }))
    const localUrl = `http://${reachable(config.http.host)}:${http.port}`
    const publicUrl = config.http.publicUrl ?? localUrl
    const internalUrl = config.http.internalUrl ?? (config.roles.has('speech') ? localUrl : publicUrl)
    await prepareDataDir(config.dataDir, log)
    const noted = (suspicion: Suspicion) => noteSuspicion(service, suspicion)
    const openAll = () => openRecognizers(config.recognition, log, undefined, noted)
    // Without the role speech, a job opens recognizers when it needs them.
    const recognizers = await open(config.roles.has('speech') ? openAll() : createRecognizersOnDemand(openAll))
    const recognizer = withRecognizer ? recognizers.check().catch(() => {}) : undefined
    const store = await open(openStore(config, allJobs, log))
    await publishCatalog(store.db, catalog)
    const key = await prepareBootstrapKey(store, config, log)
    const keyring = await open(openKeyring(store, log))
    const feeds = await open(openFeeds(store, log))
    const sealing = await openSealing(store)
    const mutationRate = createMutationRate(config.limits)
    const { metrics, measures } = observation
    const service: Service = { store, catalog, publicUrl, limits: config.limits, keyring, mutationRate, sealing, feeds, log, measures }
    const tokens = await openTokens(store)
    const files = createFileStore(store, config.artifacts.objectStore)
    const artifacts = await openArtifacts(config.artifacts, files)
    const crashed = (reason: string) => log.warn({ reason }, 'a decoder process ended unexpectedly')
    const decoders = await open(openDecoders({ ...config.audio, crashed }))
    const sharedCounts = openSharedCounts(store, log)
    openRounds(sharedCounts)
    http.strangers.share(sharedCounts)
    const withdrawn = withdrawal.signal
    const parts = { ...service, sharedCounts, internalUrl, withdrawn, tokens, files, artifacts, recognizers, decoders, metrics }
    observation.watch({ http, store, recognizers })

    const { routes, drain } = await openRoutes(config, parts, open)
    if (isBalanced) await recognizer
    await http.serve(routes)
    if (config.roles.has('speech')) await open(openPreloading(parts))
    // Jobs close first, while the endpoints that they call still answer. Requests and sessions follow, then the parts
    // that all of them use.
    opened.push(() => Promise.all([http.drain(), drain()]))
    if (config.roles.has('jobs')) await workJobs(config, parts)
    opened.push(store.queue.close)
    if (config.roles.has('jobs')) openRounds(keepArtifactsTidy(parts))
    openRounds(keepCacheTidy(parts, { hasObjectStore: Boolean(config.artifacts.objectStore), isServing: config.roles.has('speech') }))
    if (config.roles.has('jobs') || config.roles.has('api')) openRounds(keepDeadlines(parts))
    await recognizer
    return {
      url: publicUrl,
      localUrl,
      key: key.secret ?? '',
      keyOrigin: key.origin,
      keyMissing: 'reason' in key ? key.reason : undefined,
      withdraw: () => withdrawal.abort(),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** A training, validation, import or evaluation uses a core and some hundred megabytes, so a process runs one of each at a time. */
async function workJobs(config: Config, parts: ServiceParts) {
  await parts.store.queue.work(provisionDeployment, config.parallelJobs, provisionDeploymentHandler(parts))
  for (const job of [provisionRevision, provisionGatedRevision]) await parts.store.queue.work(job, config.parallelJobs, provisionRevisionHandler(parts))
  await parts.store.queue.work(trainLanguageModel, 1, trainLanguageModelHandler(parts))
  await parts.store.queue.work(validateAcousticModel, 1, validateAcousticModelHandler(parts, config))
  await parts.store.queue.work(importTestSet, 1, importTestSetHandler(parts))
  await parts.store.queue.work(runEvaluation, 1, runEvaluationHandler(parts))
}

/** Notes in a deployment's log that its acoustic model blocks or ends recognizers. */
function noteSuspicion(service: Service, { deploymentId, standing, reason, refusedUntil = 0 }: Suspicion) {
  const consequence =
    standing === 'ISOLATED'
      ? 'The model now runs in a separate process.'
      : `Requests are refused with MODEL_UNUSABLE until ${new Date(refusedUntil).toISOString()}.`
  noteOnDeployment(service, deploymentId, `The acoustic model blocked a recognizer: ${reason}. ${consequence}`).catch((error) =>
    service.log.warn({ deploymentId, reason: error }, 'a note on a deployment was not written'),
  )
}

/** A host that clients on this machine can call, for the host that the server listens on. */
const reachable = (host: string) => (['0.0.0.0', '::', ''].includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host)
