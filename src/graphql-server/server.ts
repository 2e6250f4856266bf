import type { IncomingMessage, ServerResponse } from 'node:http'
import { type FieldNode, GraphQLError, type ValidationContext } from 'graphql'
import { createYoga, type Plugin } from 'graphql-yoga'
import { createKeyLoader } from '../access/key.ts'
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
import { createRevisionLoader, createRevisionsLoader } from '../revisions/revision.ts'
import { createStreamCount, findRequestViewers, requireKey } from './authentication.ts'
import { createBroadcasts } from './broadcast.ts'
import { createCompiledOperations } from './compiled-queries.ts'
import { createDocuments } from './documents.ts'
import { maskError, withoutSuggestion } from './error-masking.ts'
import { createGraphiQL, isPage } from './graphiql.ts'
import { limitMutations } from './mutation-limit.ts'
import { countBroadcasts, countOperations } from './operation-count.ts'
import { isRefusal, readParameters } from './request-body.ts'
import { acceptsEvents, checkRequest, sendRefusal } from './request-check.ts'
import { canBeSubscription, createEventStreams } from './sse-subscription.ts'
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

/** The GraphQL API over HTTP, Server-Sent Events and WebSocket, with the same limits, masking and context. */
export function createGraphQL(service: Service, options: GraphQLOptions) {
  const toContext = (viewer: Viewer): GraphQLContext => {
    const context = { ...service, viewer }
    return {
      ...context,
      loadModel: createModelLoader(service),
      loadChosenModel: createChosenModelLoader(context),
      loadDeployment: createDeploymentLoader(context),
      loadRevision: createRevisionLoader(context),
      loadRevisions: createRevisionsLoader(context),
      loadKey: createKeyLoader(context),
      loadFittingModels: createFittingModelsLoader(context),
      timelines: createTimelineLoaders(context),
      queuePositions: { deployment: createQueuePositionLoader(service, deploymentQueue), model: createQueuePositionLoader(service, modelQueue) },
      operationLimits: options.limits,
      shownLimits: options.shownLimits,
    }
  }

  const documents = createDocuments()
  const findOf = findRequestViewers(service)
  const compiled = createCompiledOperations(schema, documents, options.limits, service)
  const count = createStreamCount(options.limits.socketsPerKey)
  const mask = (error: unknown, message = unexpected) => {
    const shown = maskError(service, error, message)
    return options.graphiql ? shown : withoutSuggestion(shown as GraphQLError)
  }
  const broadcasts = countBroadcasts(createBroadcasts(toContext, mask), service.measures)
  /** The viewer of each HTTP request. */
  const viewers = new WeakMap<Request, Viewer>()
  const yoga = createYoga<object, GraphQLContext>({
    schema,
    graphqlEndpoint: graphqlPath,
    // `graphiql.ts` serves the page.
    graphiql: false,
    landingPage: false,
    batching: false,
    // `documents.ts` stores accepted documents only, and `request-body.ts` reads the bodies.
    parserAndValidationCache: false,
    maxRequestBodySize: false,
    // `handle` adds the CORS headers first, so that refusals and compiled queries have them too.
    cors: false,
    logging: false,
    plugins: [
      countOperations(service.measures),
      requireKey(service, findOf, toContext, viewers),
      documents.plugin,
      guardValidation(mask),
      normalizeParameters(),
      refuseUnacceptable(),
      limitOperations(options.limits),
      limitMutations(service, viewers, (request) => compiled.findResult(request) !== undefined),
      guardVariables(mask),
      compiled.plugin,
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
        // The key is checked first, so a client without a key learns only that it needs one.
        if (viewer && hasScope(viewer, 'READ')) {
          const refusal = checkRequest(request)
          if (refusal) return sendRefusal(response, refusal)
          // Without a valid key the body is not read: graphql-yoga refuses the request first.
          let query: string | undefined
          if (request.method === 'POST') {
            const parameters = await readParameters(request)
            if (isRefusal(parameters)) return sendRefusal(response, parameters)
            if (await compiled.answer(request, response, parameters, toContext(viewer))) return
            query = parameters.query
            if (canBeSubscription(parameters)) {
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
        // A client that disconnected while sending the body gets no response.
        if (request.readableAborted || response.destroyed || response.headersSent) return void response.destroy()
        const { message, extensions } = mask(error) as GraphQLError
        const { http, ...shown } = extensions as { http?: { status: number; headers: Record<string, string> } }
        response.writeHead(http?.status ?? 500, { 'content-type': 'application/json', ...http?.headers })
        response.end(JSON.stringify({ errors: [{ message, extensions: shown }] }))
      }
    },

    /** The files of GraphiQL; empty when GraphiQL is off. */
    routes: graphiql ? [graphiql.route] : [],

    openSockets: () => openSockets(service, options, { yoga, toContext, broadcasts, count, mask, documents }),
  }
}

/** Removes an empty operationName, and refuses the hash of a persisted query without a document. */
function normalizeParameters(): Plugin<GraphQLContext> {
  return {
    onParams({ params, setParams }) {
      if (params.operationName === '') {
        const { operationName: _, ...rest } = params
        setParams(rest)
      }
      // Clients of automatic persisted queries recognize this message, and send documents from then on.
      if (!params.query && params.extensions?.persistedQuery)
        throw new GraphQLError('PersistedQueryNotSupported', { extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED', http: { status: 200 } } })
    },
  }
}

/** Refuses subscriptions from clients that accept no event stream, before execution. */
function refuseUnacceptable(): Plugin<GraphQLContext> {
  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      const { request } = args.contextValue as { request?: Request }
      if (!request || acceptsEvents(request.headers.get('accept'))) return
      const message =
        'Subscriptions over HTTP use Server-Sent Events. Send "Accept: text/event-stream", or open a WebSocket (graphql-transport-ws) at this path.'
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

/** Hides the schema when GraphiQL is off: no introspection and no suggestions in messages. */
function hideSchema(): Plugin<GraphQLContext> {
  return {
    onValidate({ addValidationRule }) {
      addValidationRule((context: ValidationContext) => ({
        Field(node: FieldNode) {
          if (node.name.value === '__schema' || node.name.value === '__type')
            context.reportError(
              new GraphQLError('Introspection is switched off on this server. Read the schema from the file schema.graphql of the project.', { nodes: node }),
            )
        },
      }))
      return ({ valid, result, setResult }) => {
        if (!valid) setResult(result.map((error) => withoutSuggestion(error as GraphQLError)))
      }
    },
  }
}
