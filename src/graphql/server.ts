import type { IncomingMessage, ServerResponse } from 'node:http'
import { type FieldNode, GraphQLError, type ValidationContext } from 'graphql'
import { createYoga, type Plugin } from 'graphql-yoga'
import { hasScope, type Service } from '../domain/context.ts'
import { createDeploymentLoader } from '../domain/deployment.ts'
import type { Viewer } from '../domain/key.ts'
import { createChosenModelLoader, createFittingModelsLoader, createModelLoader } from '../domain/model.ts'
import { createQueuePositionLoader, deploymentLine, modelLine } from '../domain/queue-place.ts'
import { createTimelineLoaders } from '../domain/timeline.ts'
import { createStreamCount, findViewer, requireKey } from './admission.ts'
import { createBroadcasts } from './broadcast.ts'
import type { GraphQLContext } from './builder.ts'
import { createEventStreams } from './event-stream.ts'
import { createFastLane, type FastLane } from './fast-lane.ts'
import { renderGraphiQLPage } from './graphiql.ts'
import { checkOperation, type OperationLimits, type Variables } from './limits.ts'
import { maskError } from './masking.ts'
import { schema } from './schema.ts'
import { openSockets } from './socket.ts'
import { guardStreams } from './streamed-results.ts'
import { guardValidation } from './subscription-documents.ts'

export const graphqlPath = '/graphql'

export interface GraphQLOptions {
  graphiql: boolean
  allowedOrigins: readonly string[]
  limits: OperationLimits & { socketsPerKey: number }
}

const unexpected = 'Something went wrong on the server.'
// A megabyte of text, escaped, and what stands around it.
const largestBody = 2 * 1024 * 1024

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
    }
  }

  const lane = createFastLane(schema, options.limits)
  const count = createStreamCount(options.limits.socketsPerKey)
  const mask = (error: unknown, message = unexpected) => maskError(service, error, message)
  const broadcasts = createBroadcasts(toContext, mask)
  const yoga = createYoga<object, GraphQLContext>({
    schema,
    graphqlEndpoint: graphqlPath,
    graphiql: options.graphiql,
    renderGraphiQL: renderGraphiQLPage,
    landingPage: false,
    batching: false,
    // A refusal for its variables must not be remembered as one of the document.
    parserAndValidationCache: { validationCache: false },
    maxRequestBodySize: largestBody,
    cors: options.allowedOrigins.length ? { origin: [...options.allowedOrigins], credentials: false } : false,
    logging: false,
    plugins: [
      requireKey(service, toContext, options.graphiql),
      guardValidation(mask),
      limitOperations(options.limits),
      guardStreams(service, count, options.limits.socketsPerKey),
      learnDocuments(lane),
      ...(options.graphiql ? [] : [hideSchema()]),
    ],
    maskedErrors: { errorMessage: unexpected, maskError: mask },
  })

  const answerStream = createEventStreams(yoga, broadcasts, service.keyring, count)

  return {
    async handle(request: IncomingMessage & { body?: Buffer }, response: ServerResponse) {
      try {
        const viewer = request.method === 'POST' ? await findViewer(service, request.headers.authorization).catch(() => null) : null
        // A stranger's body is not read at all: the long way asks for the key first.
        if (viewer && hasScope(viewer, 'READ')) {
          const body = await readBody(request)
          if (!body) return refuseBody(response)
          if (await lane.answer(request, response, body, toContext(viewer))) return
          if (await answerStream(request, response, body, toContext(viewer))) return
          request.body = body
        }
        await yoga.handle(request, response)
      } catch (error) {
        // A client that left in the middle of its body needs no answer.
        if (request.readableAborted || response.destroyed || response.headersSent) return void response.destroy()
        const { message, extensions } = mask(error) as GraphQLError
        response.writeHead(500, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify({ errors: [{ message, extensions }] }))
      }
    },

    openSockets: () => openSockets(service, options, { yoga, toContext, broadcasts, count, mask }),
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
    if (size > largestBody) return undefined
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

/** Answers, then ends the connection, so that the rest of the body is not read. */
function refuseBody(response: ServerResponse) {
  const text = JSON.stringify({
    errors: [{ message: `A request may have ${largestBody} bytes. Ask for less at once.`, extensions: { code: 'REQUEST_TOO_LARGE', limit: largestBody } }],
  })
  response.writeHead(413, { 'content-type': 'application/json', connection: 'close' })
  response.end(text, () => setTimeout(() => response.socket?.destroy(), 200).unref())
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
        if (!valid)
          setResult(
            result.map((error) => new GraphQLError(error.message.replace(/ Did you mean .*$/, ''), { nodes: error.nodes ?? [], extensions: error.extensions })),
          )
      }
    },
  }
}
