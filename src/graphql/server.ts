import type { IncomingMessage, ServerResponse } from 'node:http'
import { type FieldNode, GraphQLError, type ValidationContext } from 'graphql'
import { createYoga, type Plugin } from 'graphql-yoga'
import { hasScope, type Service } from '../domain/context.ts'
import { createDeploymentLoader } from '../domain/deployment.ts'
import type { Viewer } from '../domain/key.ts'
import { createChosenModelLoader, createFittingModelsLoader, createModelLoader } from '../domain/model.ts'
import { createQueuePositionLoader, deploymentLine, modelLine } from '../domain/queue-place.ts'
import { createTimelineLoaders } from '../domain/timeline.ts'
import { createCors } from '../http/cors.ts'
import { admitViewer, createStreamCount, requireKey } from './admission.ts'
import { createBroadcasts } from './broadcast.ts'
import type { GraphQLContext, ShownLimits } from './builder.ts'
import { createEventStreams } from './event-stream.ts'
import { createFastLane, type FastLane } from './fast-lane.ts'
import { createGraphiQL, isPage } from './graphiql.ts'
import { checkOperation, type OperationLimits, type Variables } from './limits.ts'
import { maskError, withoutSuggestion } from './masking.ts'
import { limitMutations } from './mutation-limit.ts'
import { acceptsEvents, checkRequest, sendRefusal, withoutMark } from './request-check.ts'
import { schema } from './schema.ts'
import { openSockets } from './socket.ts'
import { guardStreams } from './streamed-results.ts'
import { guardValidation } from './subscription-documents.ts'
import { maxRequestBytes } from './transport-limits.ts'

export const graphqlPath = '/graphql'

export interface GraphQLOptions {
  graphiql: boolean
  allowedOrigins: readonly string[]
  limits: OperationLimits
  shownLimits: ShownLimits
}

const unexpected = 'Something went wrong on the server.'

/** One GraphQL over HTTP, Server-Sent Events and WebSocket: the same limits, masking and context for all. */
export function createGraphQL(service: Service, options: GraphQLOptions) {
  const toContext = (viewer: Viewer): GraphQLContext => {
    const context = { ...service, viewer }
    return {
      ...context,
      loadModel: createModelLoader(service),
      loadChosenModel: createChosenModelLoader(context),
      loadDeployment: createDeploymentLoader(context),
      loadFittingModels: createFittingModelsLoader(context),
      timelines: createTimelineLoaders(context),
      queuePositions: { deployment: createQueuePositionLoader(service, deploymentLine), model: createQueuePositionLoader(service, modelLine) },
      operationLimits: options.limits,
      shownLimits: options.shownLimits,
    }
  }

  const lane = createFastLane(schema, options.limits)
  const count = createStreamCount(options.limits.socketsPerKey)
  const mask = (error: unknown, message = unexpected) => {
    const shown = maskError(service, error, message)
    return options.graphiql ? shown : withoutSuggestion(shown as GraphQLError)
  }
  const broadcasts = createBroadcasts(toContext, mask)
  /** Who has sent each HTTP request. */
  const viewers = new WeakMap<Request, Viewer>()
  const yoga = createYoga<object, GraphQLContext>({
    schema,
    graphqlEndpoint: graphqlPath,
    // Its page is a file of its own.
    graphiql: false,
    landingPage: false,
    batching: false,
    // A refusal for its variables must not be remembered as one of the document.
    parserAndValidationCache: { validationCache: false },
    maxRequestBodySize: maxRequestBytes,
    // Ours comes before everything, so that it counts for refusals and known queries as well.
    cors: false,
    logging: false,
    plugins: [
      requireKey(service, toContext, viewers),
      guardValidation(mask),
      readParameters(),
      refuseUnacceptable(),
      limitOperations(options.limits),
      limitMutations(service, viewers),
      guardStreams(service, count, options.limits.socketsPerKey),
      learnDocuments(lane),
      ...(options.graphiql ? [] : [hideSchema()]),
    ],
    maskedErrors: { errorMessage: unexpected, maskError: mask },
  })

  const cors = createCors(options.allowedOrigins, 'GET, POST, OPTIONS')
  const answerStream = createEventStreams(yoga, broadcasts, service.keyring, count)
  const graphiql = options.graphiql ? createGraphiQL() : undefined

  return {
    async handle(request: IncomingMessage & { body?: Buffer }, response: ServerResponse) {
      try {
        if (cors(request, response)) return
        if (graphiql && isPage(request)) return await graphiql.sendPage(request, response)
        const viewer = await admitViewer(service, request).catch(() => null)
        // The key comes first: strangers learn nothing but that they need one.
        const refusal = viewer && hasScope(viewer, 'READ') ? checkRequest(request) : undefined
        if (refusal) return sendRefusal(response, refusal)
        // A stranger's body is not read at all: the long way asks for the key first.
        if (viewer && hasScope(viewer, 'READ') && request.method === 'POST') {
          const read = await readBody(request)
          if (!read) return refuseBody(response)
          const body = withoutMark(read)
          if (await lane.answer(request, response, body, toContext(viewer))) return
          if (await answerStream(request, response, body, toContext(viewer))) return
          request.body = body
        }
        await yoga.handle(request, response)
      } catch (error) {
        // A client that left in the middle of its body needs no answer.
        if (request.readableAborted || response.destroyed || response.headersSent) return void response.destroy()
        const { message, extensions } = mask(error) as GraphQLError
        const { http, ...shown } = extensions as { http?: { status: number; headers: Record<string, string> } }
        response.writeHead(http?.status ?? 500, { 'content-type': 'application/json', ...http?.headers })
        response.end(JSON.stringify({ errors: [{ message, extensions: shown }] }))
      }
    },

    /** The files of GraphiQL's page; none where it is switched off. */
    routes: graphiql ? [graphiql.route] : [],

    openSockets: () => openSockets(service, options, { yoga, toContext, broadcasts, count, mask }),
  }
}

/** What clients send beside a document: an empty name is none, and a hash without a document cannot be looked up here. */
function readParameters(): Plugin<GraphQLContext> {
  return {
    onParams({ params, setParams }) {
      if (params.operationName === '') {
        const { operationName: _, ...rest } = params
        setParams(rest)
      }
      // Every client of automatic persisted queries knows this answer, and sends the document from then on.
      if (!params.query && params.extensions?.persistedQuery)
        throw new GraphQLError('PersistedQueryNotSupported', { extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED', http: { status: 200 } } })
    },
  }
}

/** Refuses subscriptions by clients that read no events, before anything is begun. */
function refuseUnacceptable(): Plugin<GraphQLContext> {
  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      const { request } = args.contextValue as { request?: Request }
      if (!request || acceptsEvents(request.headers.get('accept'))) return
      const message =
        'Over HTTP subscriptions come as Server-Sent Events: send "Accept: text/event-stream", or open a WebSocket (graphql-transport-ws) at this path.'
      setResultAndStopExecution({ errors: [new GraphQLError(message, { extensions: { code: 'NOT_ACCEPTABLE', http: { status: 406 } } })] })
    },
  }
}

function limitOperations(limits: OperationLimits): Plugin<GraphQLContext> {
  return {
    onValidate({ params, context, setResult }) {
      const { variables } = (context as { params?: { variables?: Variables } }).params ?? {}
      const refused = checkOperation(params.schema, params.documentAST, variables, limits)
      if (refused) setResult([refused])
    },
  }
}

/** What has passed every check once may take the fast lane from then on. */
function learnDocuments(lane: FastLane): Plugin<GraphQLContext> {
  return {
    onValidate({ params, context }) {
      const { query } = (context as { params?: { query?: string } }).params ?? {}
      return ({ valid }) => {
        if (valid && query) lane.learn(query, params.documentAST)
      }
    },
  }
}

/** The whole body; undefined when it is larger than any request may be. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length
    if (size > maxRequestBytes) return undefined
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

function refuseBody(response: ServerResponse) {
  const text = JSON.stringify({
    errors: [
      { message: `A request may have ${maxRequestBytes} bytes. Ask for less at once.`, extensions: { code: 'REQUEST_TOO_LARGE', limit: maxRequestBytes } },
    ],
  })
  response.writeHead(413, { 'content-type': 'application/json' }).end(text)
}

/** With GraphiQL off, strangers learn nothing of the schema: no introspection, no "did you mean". */
function hideSchema(): Plugin<GraphQLContext> {
  return {
    onValidate({ addValidationRule }) {
      addValidationRule((context: ValidationContext) => ({
        Field(node: FieldNode) {
          if (node.name.value === '__schema' || node.name.value === '__type')
            context.reportError(new GraphQLError('Introspection is switched off here.', { nodes: node }))
        },
      }))
      return ({ valid, result, setResult }) => {
        if (!valid) setResult(result.map((error) => withoutSuggestion(error as GraphQLError)))
      }
    },
  }
}
