import type { IncomingMessage, ServerResponse } from 'node:http'
import { type FieldNode, GraphQLError, type ValidationContext } from 'graphql'
import { createYoga, type Plugin } from 'graphql-yoga'
import type { Viewer } from '../domain/context.ts'
import { hasScope, type Service } from '../domain/context.ts'
import { createDeploymentLoader } from '../domain/deployment.ts'
import { createTimelineLoaders } from '../domain/event-history.ts'
import { createChosenModelLoader, createFittingModelsLoader, createModelLoader } from '../domain/model.ts'
import type { GraphQLContext, ShownLimits } from '../graphql/builder.ts'
import { schema } from '../graphql/schema.ts'
import { checkOperation, type OperationLimits, type Variables } from '../graphql-limits/operation-limits.ts'
import { createCors } from '../http/cors.ts'
import { createQueuePositionLoader, deploymentQueue, modelQueue } from '../lifecycle/queue-position.ts'
import { createStreamCount, findRequestViewers, requireKey } from './authentication.ts'
import { createBroadcasts } from './broadcast.ts'
import { createCompiledQueries } from './compiled-queries.ts'
import { createDocuments } from './documents.ts'
import { maskError, withoutSuggestion } from './error-masking.ts'
import { createGraphiQL, isPage } from './graphiql.ts'
import { limitMutations } from './mutation-limit.ts'
import { isRefusal, readParameters } from './request-body.ts'
import { acceptsEvents, checkRequest, sendRefusal } from './request-check.ts'
import { asksForEvents, createEventStreams } from './sse-subscription.ts'
import { guardStreams } from './streamed-results.ts'
import { guardValidation } from './subscription-documents.ts'
import { guardVariables } from './variables.ts'
import { openSockets } from './websocket.ts'

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
      queuePositions: { deployment: createQueuePositionLoader(service, deploymentQueue), model: createQueuePositionLoader(service, modelQueue) },
      operationLimits: options.limits,
      shownLimits: options.shownLimits,
    }
  }

  const documents = createDocuments()
  const findOf = findRequestViewers(service)
  const lane = createCompiledQueries(schema, documents, options.limits)
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
    // Ours keeps only what was accepted, and bodies are read before.
    parserAndValidationCache: false,
    maxRequestBodySize: false,
    // Ours comes before everything, so that it counts for refusals and known queries as well.
    cors: false,
    logging: false,
    plugins: [
      requireKey(service, findOf, toContext, viewers),
      documents.plugin,
      guardValidation(mask),
      nameParameters(),
      refuseUnacceptable(),
      limitOperations(options.limits),
      limitMutations(service, viewers),
      guardVariables(mask),
      guardStreams(service, count, options.limits.socketsPerKey),
      ...(options.graphiql ? [] : [hideSchema()]),
    ],
    maskedErrors: { errorMessage: unexpected, maskError: mask },
  })

  const cors = createCors(options.allowedOrigins, 'GET, POST, OPTIONS')
  const answerStream = createEventStreams(yoga, broadcasts, service.keyring, count)
  const graphiql = options.graphiql ? createGraphiQL() : undefined

  return {
    async handle(request: IncomingMessage & { body?: object }, response: ServerResponse) {
      try {
        if (cors(request, response)) return
        if (graphiql && isPage(request)) return await graphiql.sendPage(request, response)
        const viewer = await findOf(request).catch(() => null)
        // The key comes first: strangers learn nothing but that they need one.
        if (viewer && hasScope(viewer, 'READ')) {
          const refusal = checkRequest(request)
          if (refusal) return sendRefusal(response, refusal)
          // A stranger's body is not read at all: the long way asks for the key first.
          let query: string | undefined
          if (request.method === 'POST') {
            const parameters = await readParameters(request)
            if (isRefusal(parameters)) return sendRefusal(response, parameters)
            if (await lane.answer(request, response, parameters, toContext(viewer))) return
            query = parameters.query
            if (asksForEvents(parameters)) {
              await documents.takeTurn(query)
              if (await answerStream(request, response, parameters, toContext(viewer))) return
            }
            request.body = parameters
            request.headers['content-type'] = 'application/json'
          }
          await documents.takeTurn(query)
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

    openSockets: () => openSockets(service, options, { yoga, toContext, broadcasts, count, mask, documents }),
  }
}

/** What clients send beside a document: an empty name is none, and a hash without a document cannot be looked up here. */
function nameParameters(): Plugin<GraphQLContext> {
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
