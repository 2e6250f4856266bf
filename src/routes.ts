// The routes of a process, for its roles.
import type { Tokens } from './access/speech-token.ts'
import type { FileStore } from './artifacts/file-ports.ts'
import type { Artifacts } from './artifacts/store.ts'
import type { Decoders } from './audio/decoders.ts'
import type { Config } from './config.ts'
import type { Service } from './domain/context.ts'
import { createTestItemAudio, isTestItemPath, testItemRoute } from './downloads/test-item-audio.ts'
import { createGraphQL, graphqlPath } from './graphql-server/server.ts'
import { createCors } from './http/cors.ts'
import { createDashboardRoutes } from './http/dashboard-files.ts'
import { healthRoute } from './http/health.ts'
import type { Route } from './http/listen.ts'
import { addReadinessMetrics, metricsRoute } from './http/metrics.ts'
import { createReadiness, type ReadinessPart, readyRoute } from './http/readiness.ts'
import { createSignIn } from './http/sign-in.ts'
import { toOperationLimits, toShownLimits } from './limits.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { SharedCounts } from './postgres/shared-counts.ts'
import type { Recognizers } from './recognition/recognizers-port.ts'
import { createDataPlane } from './speech/data-plane.ts'
import { isSpeechPath } from './speech/paths.ts'
import { addSpeechMetrics } from './speech/speech-metrics.ts'
import { openSpeechSockets } from './speech/websocket-server.ts'
import { handleSpeech, nameSpeechRoute } from './speech-http/http-routes.ts'
import { createUploads, uploadsPath } from './uploads/upload-route.ts'

/** Two megabytes over a slow network. */
const maxOperationMs = 30_000
/** Longer than the limits of the speech routes themselves. */
const maxRecordingMs = 120_000
/** Two hundred megabytes over a slow network. */
const maxUploadMs = 60 * 60_000

export interface ServiceParts extends Service {
  tokens: Tokens
  files: FileStore
  /** The URL at which new deployments are tested. */
  internalUrl: string
  /** Aborted when balancers have to stop sending requests. */
  withdrawn: AbortSignal
  sharedCounts: SharedCounts
  artifacts: Artifacts
  recognizers: Recognizers
  decoders: Decoders
  metrics: Metrics
}

interface OpenedRoutes {
  routes: Route[]
  /** Lets open sessions end within the grace period. */
  drain(): Promise<void>
}

export async function openRoutes(
  config: Config,
  parts: ServiceParts,
  open: <T extends { close(): Promise<unknown> }>(part: T) => Promise<T>,
): Promise<OpenedRoutes> {
  let drain = async () => {}
  const readiness = createReadiness(findNeededParts(config, parts))
  addReadinessMetrics(parts.metrics, readiness)
  const routes: Route[] = [healthRoute, readyRoute(readiness), metricsRoute(parts.metrics)]
  const fallbacks: Route[] = []
  const signIn = createSignIn(parts)
  if (config.roles.has('api')) {
    const limits = { limits: toOperationLimits(config), shownLimits: toShownLimits(config) }
    const graphql = createGraphQL(parts, { graphiql: config.graphiql, allowedOrigins: config.http.allowedOrigins, ...limits })
    const sockets = await open(graphql.openSockets())
    const pages = createDashboardRoutes(config)
    const operations = { matches: (path: string) => path === graphqlPath, handle: graphql.handle, upgrade: sockets.upgrade }
    routes.push(signIn.letIn({ name: graphqlPath, ...operations, maxRequestMs: maxOperationMs }), signIn.route, ...graphql.routes, pages.route)
    fallbacks.push(pages.fallback)
    routes.push(
      signIn.letIn({
        name: uploadsPath,
        matches: (path) => path === uploadsPath,
        handle: createUploads(parts, { ...config.uploads, cors: createCors(config.http.allowedOrigins, 'PUT, OPTIONS') }),
        drains: true,
        continuesItself: true,
        maxRequestMs: maxUploadMs,
      }),
      signIn.letIn({
        name: testItemRoute,
        matches: isTestItemPath,
        handle: createTestItemAudio(parts, { cors: createCors(config.http.allowedOrigins, 'GET, HEAD, OPTIONS') }),
        drains: true,
        maxRequestMs: maxOperationMs,
      }),
    )
  }
  if (config.roles.has('speech')) {
    const speech = createDataPlane(parts, config)
    await open(speech.shadows)
    const sockets = await open(openSpeechSockets(speech, config.sessions))
    drain = sockets.drain
    addSpeechMetrics(parts.metrics, speech, sockets)
    routes.push(
      signIn.letIn({
        name: nameSpeechRoute,
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

/** What the roles of this process need to serve. */
const findNeededParts = ({ roles }: Config, { store, recognizers, withdrawn }: ServiceParts): Record<string, ReadinessPart> => ({
  accepting: { check: async () => withdrawn.throwIfAborted() },
  postgres: store,
  ...(roles.has('jobs') && { queue: store.queue }),
  ...(roles.has('speech') && { recognizer: recognizers }),
})
