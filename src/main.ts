import { setTimeout as delay } from 'node:timers/promises'
import { type FirstKey, prepareBootstrapKey } from './access/bootstrap-key-file.ts'
import { openKeyring } from './access/keyring.ts'
import { openSealing } from './access/sealing.ts'
import { openTokens, type Tokens } from './access/speech-token.ts'
import { type Artifacts, openArtifacts } from './artifacts/store.ts'
import { type Decoders, openDecoders } from './audio/decoders.ts'
import type { Config } from './config.ts'
import { prepareDataDir } from './data-dir.ts'
import { publishCatalog, readCatalog } from './domain/catalog.ts'
import type { Service } from './domain/context.ts'
import { noteOnDeployment } from './domain/deployment-action.ts'
import { enforceDeadlines } from './domain/deployment-deadline.ts'
import { findModelsInUse } from './domain/endpoint.ts'
import { enforceModelDeadlines } from './domain/model-building.ts'
import { createMutationRate } from './domain/mutation-rate.ts'
import { createGraphQL, graphqlPath } from './graphql-server/server.ts'
import { createCors } from './http/cors.ts'
import { createPages } from './http/dashboard-files.ts'
import { healthRoute, readyRoute } from './http/health.ts'
import { type HttpServer, listen, type Route } from './http/listen.ts'
import { metricsRoute, writeHttpMetrics } from './http/metrics.ts'
import { createSignIn } from './http/sign-in.ts'
import { provisionDeploymentHandler } from './jobs/provision-deployment.ts'
import { keepArtifactsTidy } from './jobs/tidy-artifacts.ts'
import { trainLanguageModelHandler } from './jobs/train-language-model.ts'
import { validateAcousticModelHandler } from './jobs/validate-acoustic-model.ts'
import { openFeeds } from './lifecycle/event-feed.ts'
import { allJobs, provisionDeployment, trainLanguageModel, validateAcousticModel } from './lifecycle/job-definitions.ts'
import { toOperationLimits, toShownLimits } from './limits.ts'
import { openLog } from './log.ts'
import { openStore } from './postgres/store.ts'
import { openRecognizerModel } from './recognition/model-files.ts'
import type { Suspicion } from './recognition/quarantine.ts'
import { openRecognizers } from './recognition/recognizers.ts'
import type { Recognizers } from './recognition/types.ts'
import { createDataPlane } from './speech/data-plane.ts'
import { writeSpeechMetrics } from './speech/metrics.ts'
import { isSpeechPath } from './speech/paths.ts'
import { openSpeechSockets } from './speech/websocket-server.ts'
import { handleSpeech } from './speech-http/http-routes.ts'
import { createUploads, uploadsPath } from './uploads/upload-route.ts'

/** Deadlines are looked after this often, by every process that answers or works. */
const deadlinesMs = 1000

/**
 * What ending may take beside what streams are granted. When it is over, what still waits, as for a Postgres
 * that does not answer, is left to the end of the process.
 */
const closeMs = 4_000
const roundMs = 1_000

export interface RunningService {
  /** Where clients reach it. */
  url: string
  /** Where this machine reaches it. */
  localUrl: string
  /** A key with every scope; empty where its secret is not known to this process. */
  key: string
  keyOrigin: FirstKey['origin']
  /** Why the key is not known, and how to get another one. */
  keyMissing: string | undefined
  close(): Promise<void>
}

/** Opens everything in order, from the port to the job workers; what `close` ends, it ends in reverse. */
export async function startService(config: Config): Promise<RunningService> {
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
  /** For what repeats by itself: its present round, which may wait for Postgres, is not waited for long. */
  const openRounds = (part: { close(): Promise<unknown> }) => {
    opened.push(() => Promise.race([part.close(), delay(roundMs)]))
  }
  try {
    const catalog = await readCatalog(config.catalogFile)
    // The port comes first: when it is taken, nothing else needs to be undone.
    const http = await open(listen(config.http))
    const localUrl = `http://${reachable(config.http.host)}:${http.port}`
    const publicUrl = config.http.publicUrl ?? localUrl
    await prepareDataDir(config.dataDir, log)
    const store = await open(openStore(config, allJobs, log))
    await publishCatalog(store.db, catalog)
    const key = await prepareBootstrapKey(store, config, log)
    const keyring = await open(openKeyring(store, log))
    const feeds = await open(openFeeds(store, log))
    const sealing = await openSealing(store.db)
    const mutationRate = createMutationRate(config.limits)
    const service: Service = { store, catalog, publicUrl, limits: config.limits, keyring, mutationRate, sealing, feeds, log }
    const tokens = await openTokens(store.db)
    const artifacts = await openArtifacts(config.artifacts)
    const recognizers = await open(openRecognizers(config.recognition, log, undefined, tellOwner(service)))
    const crashed = (reason: string) => log.warn({ reason }, 'a decoder process ended')
    const decoders = await open(openDecoders({ ...config.audio, crashed }))
    const parts = { ...service, tokens, artifacts, recognizers, decoders }

    const { routes, drain } = await openRoutes(config, parts, http, open)
    http.serve(routes)
    if (config.roles.has('speech')) void warmUp(parts)
    // What comes last ends first: jobs, while the endpoints that they call still answer, then requests and
    // sessions, then what all of them need.
    opened.push(() => Promise.all([http.drain(), drain()]))
    if (config.roles.has('jobs')) await workJobs(config, parts)
    opened.push(store.queue.close)
    if (config.roles.has('jobs')) openRounds(keepArtifactsTidy(parts))
    if (config.roles.has('jobs') || config.roles.has('api')) openRounds(keepDeadlines(parts))
    return { url: publicUrl, localUrl, key: key.secret ?? '', keyOrigin: key.origin, keyMissing: 'reason' in key ? key.reason : undefined, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Training takes a core and some hundred megabytes, so one at a time is enough for a process. */
async function workJobs(config: Config, parts: Parts) {
  await parts.store.queue.work(provisionDeployment, config.parallelJobs, provisionDeploymentHandler(parts))
  await parts.store.queue.work(trainLanguageModel, 1, trainLanguageModelHandler(parts))
  await parts.store.queue.work(validateAcousticModel, 1, validateAcousticModelHandler(parts, config))
}

/** Writes into a deployment's log that its acoustic model holds up or ends recognizers. */
const tellOwner =
  (service: Service) =>
  ({ deploymentId, standing, reason, refusedUntil = 0 }: Suspicion) => {
    const consequence =
      standing === 'ISOLATED'
        ? 'It now recognizes in a process of its own.'
        : `Its recordings are refused with MODEL_UNUSABLE until ${new Date(refusedUntil).toISOString()}.`
    noteOnDeployment(service, deploymentId, `The acoustic model held up a recognizer: ${reason}. ${consequence}`).catch((error) =>
      service.log.warn({ deploymentId, error: String(error) }, 'a note on a deployment was not written'),
    )
  }

/** Looks after deadlines as long as it is open; while Postgres is away, nobody can. */
function keepDeadlines(parts: Parts) {
  const closing = new AbortController()
  const looking = (async () => {
    while (!closing.signal.aborted) {
      await Promise.all([enforceDeadlines(parts), enforceModelDeadlines(parts)]).catch((error) =>
        parts.log.debug({ error: String(error) }, 'deadlines were not looked after'),
      )
      await delay(deadlinesMs, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  })()
  return {
    async close() {
      closing.abort()
      await looking
    },
  }
}

/** Loads the models of some Complete deployments, so that the first recording after a restart does not wait for them. */
async function warmUp(parts: Parts) {
  try {
    for (const served of await findModelsInUse(parts)) {
      await parts.recognizers.load(await openRecognizerModel(parts.artifacts, served))
    }
  } catch (error) {
    parts.log.warn({ error: String(error) }, 'models were not loaded beforehand')
  }
}

/** Two megabytes over a slow line. */
const maxOperationMs = 30_000
/** What whole recordings may take to be uploaded, and some more: the routes have limits of their own. */
const maxRecordingMs = 120_000
/** Two hundred megabytes over a slow line. */
const maxUploadMs = 60 * 60_000

interface Parts extends Service {
  tokens: Tokens
  artifacts: Artifacts
  recognizers: Recognizers
  decoders: Decoders
}

interface Answering {
  routes: Route[]
  /** Waits for what clients are in the middle of, for as long as is allowed. */
  drain(): Promise<void>
}

async function openRoutes(
  config: Config,
  parts: Parts,
  http: HttpServer,
  open: <T extends { close(): Promise<unknown> }>(part: T) => Promise<T>,
): Promise<Answering> {
  let drain = async () => {}
  const metrics = [() => writeHttpMetrics(http)]
  const routes: Route[] = [healthRoute, readyRoute({ postgres: parts.store, recognizer: parts.recognizers }), metricsRoute(metrics)]
  const fallbacks: Route[] = []
  const signIn = createSignIn(parts)
  if (config.roles.has('api')) {
    const limits = { limits: toOperationLimits(config), shownLimits: toShownLimits(config) }
    const graphql = createGraphQL(parts, { graphiql: config.graphiql, allowedOrigins: config.http.allowedOrigins, ...limits })
    const sockets = await open(graphql.openSockets())
    const pages = createPages(config)
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

/** An address to listen on everywhere is not one to call. */
const reachable = (host: string) => (['0.0.0.0', '::', ''].includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host)
