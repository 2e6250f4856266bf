import { setTimeout as delay } from 'node:timers/promises'
import { type FirstKey, prepareBootstrapKey } from './access/bootstrap-key-file.ts'
import { openKeyring } from './access/keyring.ts'
import { openSealing } from './access/sealing.ts'
import { openTokens, type Tokens } from './access/speech-token.ts'
import type { FileStore } from './artifacts/file-ports.ts'
import { createFileStore } from './artifacts/file-store.ts'
import { type Artifacts, openArtifacts } from './artifacts/store.ts'
import { type Decoders, openDecoders } from './audio/decoders.ts'
import type { Config } from './config.ts'
import { prepareDataDir } from './data-dir.ts'
import { publishCatalog, readCatalog } from './domain/catalog.ts'
import type { Service } from './domain/context.ts'
import { noteOnDeployment } from './domain/deployment-action.ts'
import { enforceDeadlines } from './domain/deployment-deadline.ts'
import { enforceModelDeadlines } from './domain/model-building.ts'
import { createMutationRate } from './domain/mutation-rate.ts'
import { createGraphQL, graphqlPath } from './graphql-server/server.ts'
import { createCors } from './http/cors.ts'
import { createDashboardRoutes } from './http/dashboard-files.ts'
import { healthRoute, readyRoute } from './http/health.ts'
import { type HttpServer, listen, type Route } from './http/listen.ts'
import { metricsRoute, writeHttpMetrics } from './http/metrics.ts'
import { createSignIn } from './http/sign-in.ts'
import { provisionDeploymentHandler } from './jobs/provision-deployment.ts'
import { keepArtifactsTidy } from './jobs/tidy-artifacts.ts'
import { keepCacheTidy } from './jobs/tidy-cache.ts'
import { trainLanguageModelHandler } from './jobs/train-language-model.ts'
import { validateAcousticModelHandler } from './jobs/validate-acoustic-model.ts'
import { openFeeds } from './lifecycle/event-feed.ts'
import { allJobs, provisionDeployment, trainLanguageModel, validateAcousticModel } from './lifecycle/job-definitions.ts'
import { toOperationLimits, toShownLimits } from './limits.ts'
import { openLog } from './log.ts'
import { openStore } from './postgres/store.ts'
import type { Suspicion } from './recognition/quarantine.ts'
import { openRecognizers } from './recognition/recognizers.ts'
import type { Recognizers } from './recognition/recognizers-port.ts'
import { createDataPlane } from './speech/data-plane.ts'
import { isSpeechPath } from './speech/paths.ts'
import { openPreloading } from './speech/preload.ts'
import { writeSpeechMetrics } from './speech/speech-metrics.ts'
import { openSpeechSockets } from './speech/websocket-server.ts'
import { handleSpeech } from './speech-http/http-routes.ts'
import { createUploads, uploadsPath } from './uploads/upload-route.ts'

/** The interval of the checks of deadlines. Every process with the role api or jobs checks them. */
const deadlinesMs = 1000

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
  close(): Promise<void>
}

interface StartOptions {
  /** Starts a recognizer beside Postgres and waits for both, as /ready does. Otherwise the first recording starts one. */
  withRecognizer?: boolean
}

/** Opens all parts in order, from the port to the job workers. `close` closes them in reverse. */
export async function startService(config: Config, { withRecognizer = false }: StartOptions = {}): Promise<RunningService> {
  const log = openLog(config.logLevel)
  const opened: (() => Promise<unknown>)[] = []
  const close = async () => {
    const inTime = new AbortController()
    const late = delay(config.sessions.graceMs + closeMs, undefined, { signal: inTime.signal }).catch(() => {})
    for (const closeOne of opened.splice(0).reverse()) {
      const closed = closeOne().catch((error) => log.warn({ error: String(error) }, 'a part was not closed properly'))
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
    const http = await open(listen(config.http))
    const localUrl = `http://${reachable(config.http.host)}:${http.port}`
    const publicUrl = config.http.publicUrl ?? localUrl
    await prepareDataDir(config.dataDir, log)
    const noted = (suspicion: Suspicion) => noteSuspicion(service, suspicion)
    const recognizers = await open(openRecognizers(config.recognition, log, undefined, noted))
    const recognizer = withRecognizer ? recognizers.check().catch(() => {}) : undefined
    const store = await open(openStore(config, allJobs, log))
    await publishCatalog(store.db, catalog)
    const key = await prepareBootstrapKey(store, config, log)
    const keyring = await open(openKeyring(store, log))
    const feeds = await open(openFeeds(store, log))
    const sealing = await openSealing(store.db)
    const mutationRate = createMutationRate(config.limits)
    const service: Service = { store, catalog, publicUrl, limits: config.limits, keyring, mutationRate, sealing, feeds, log }
    const tokens = await openTokens(store.db)
    const files = createFileStore(store, config.artifacts.objectStore)
    const artifacts = await openArtifacts(config.artifacts, files)
    const crashed = (reason: string) => log.warn({ reason }, 'a decoder process ended unexpectedly')
    const decoders = await open(openDecoders({ ...config.audio, crashed }))
    const parts = { ...service, tokens, files, artifacts, recognizers, decoders }

    const { routes, drain } = await openRoutes(config, parts, http, open)
    http.serve(routes)
    if (config.roles.has('speech')) await open(openPreloading(parts))
    // Jobs close first, while the endpoints that they call still answer. Requests and sessions follow, then the parts
    // that all of them use.
    opened.push(() => Promise.all([http.drain(), drain()]))
    if (config.roles.has('jobs')) await workJobs(config, parts)
    opened.push(store.queue.close)
    if (config.roles.has('jobs')) openRounds(keepArtifactsTidy(parts))
    openRounds(keepCacheTidy(parts))
    if (config.roles.has('jobs') || config.roles.has('api')) openRounds(keepDeadlines(parts))
    await recognizer
    return { url: publicUrl, localUrl, key: key.secret ?? '', keyOrigin: key.origin, keyMissing: 'reason' in key ? key.reason : undefined, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** A training or validation uses a core and some hundred megabytes, so a process runs one of each at a time. */
async function workJobs(config: Config, parts: ServiceParts) {
  await parts.store.queue.work(provisionDeployment, config.parallelJobs, provisionDeploymentHandler(parts))
  await parts.store.queue.work(trainLanguageModel, 1, trainLanguageModelHandler(parts))
  await parts.store.queue.work(validateAcousticModel, 1, validateAcousticModelHandler(parts, config))
}

/** Notes in a deployment's log that its acoustic model blocks or ends recognizers. */
function noteSuspicion(service: Service, { deploymentId, standing, reason, refusedUntil = 0 }: Suspicion) {
  const consequence =
    standing === 'ISOLATED'
      ? 'The model now runs in a separate process.'
      : `Requests are refused with MODEL_UNUSABLE until ${new Date(refusedUntil).toISOString()}.`
  noteOnDeployment(service, deploymentId, `The acoustic model blocked a recognizer: ${reason}. ${consequence}`).catch((error) =>
    service.log.warn({ deploymentId, error: String(error) }, 'a note on a deployment was not written'),
  )
}

/** Enforces deadlines until closed. Rounds fail while Postgres is unavailable. */
function keepDeadlines(parts: ServiceParts) {
  const closing = new AbortController()
  const rounds = (async () => {
    while (!closing.signal.aborted) {
      await Promise.all([enforceDeadlines(parts), enforceModelDeadlines(parts)]).catch((error) =>
        parts.log.debug({ error: String(error) }, 'deadlines were not enforced'),
      )
      await delay(deadlinesMs, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  })()
  return {
    async close() {
      closing.abort()
      await rounds
    },
  }
}

/** Two megabytes over a slow network. */
const maxOperationMs = 30_000
/** Longer than the limits of the speech routes themselves. */
const maxRecordingMs = 120_000
/** Two hundred megabytes over a slow network. */
const maxUploadMs = 60 * 60_000

interface ServiceParts extends Service {
  tokens: Tokens
  files: FileStore
  artifacts: Artifacts
  recognizers: Recognizers
  decoders: Decoders
}

interface OpenedRoutes {
  routes: Route[]
  /** Lets open sessions end within the grace period. */
  drain(): Promise<void>
}

async function openRoutes(
  config: Config,
  parts: ServiceParts,
  http: HttpServer,
  open: <T extends { close(): Promise<unknown> }>(part: T) => Promise<T>,
): Promise<OpenedRoutes> {
  let drain = async () => {}
  const metrics = [() => writeHttpMetrics(http)]
  const routes: Route[] = [healthRoute, readyRoute({ postgres: parts.store, recognizer: parts.recognizers }), metricsRoute(metrics)]
  const fallbacks: Route[] = []
  const signIn = createSignIn(parts)
  if (config.roles.has('api')) {
    const limits = { limits: toOperationLimits(config), shownLimits: toShownLimits(config) }
    const graphql = createGraphQL(parts, { graphiql: config.graphiql, allowedOrigins: config.http.allowedOrigins, ...limits })
    const sockets = await open(graphql.openSockets())
    const pages = createDashboardRoutes(config)
    routes.push(
      signIn.letIn({ matches: (path) => path === graphqlPath, handle: graphql.handle, upgrade: sockets.upgrade, maxRequestMs: maxOperationMs }),
      signIn.route,
      ...graphql.routes,
      pages.route,
    )
    fallbacks.push(pages.fallback)
    routes.push(
      signIn.letIn({
        matches: (path) => path === uploadsPath,
        handle: createUploads(parts, { ...config.uploads, cors: createCors(config.http.allowedOrigins, 'PUT, OPTIONS') }),
        drains: true,
        continuesItself: true,
        maxRequestMs: maxUploadMs,
      }),
    )
  }
  if (config.roles.has('speech')) {
    const speech = createDataPlane(parts, config)
    const sockets = await open(openSpeechSockets(speech, config.sessions))
    drain = sockets.drain
    metrics.push(() => writeSpeechMetrics(speech, sockets))
    routes.push(
      signIn.letIn({
        matches: isSpeechPath,
        handle: (request, response) => handleSpeech(speech, request, response),
        upgrade: sockets.upgrade,
        drains: true,
        continuesItself: true,
        maxRequestMs: maxRecordingMs,
      }),
    )
  }
  return { routes: [...routes, ...fallbacks], drain }
}

/** A host that clients on this machine can call, for the host that the server listens on. */
const reachable = (host: string) => (['0.0.0.0', '::', ''].includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host)
