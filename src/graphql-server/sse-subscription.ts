import type { IncomingMessage, ServerResponse } from 'node:http'
import { type DocumentNode, type ExecutionResult, GraphQLError, getOperationAST, OperationTypeNode } from 'graphql'
import type { YogaServerInstance } from 'graphql-yoga'
import type { Keyring } from '../domain/context.ts'
import type { GraphQLContext } from '../graphql/builder.ts'
import { keyEnded, type StreamCount } from './authentication.ts'
import type { Broadcasts } from './broadcast.ts'
import { chooseDelivery } from './delivery.ts'
import { toShownError } from './error-masking.ts'
import type { Operation } from './operation.ts'
import type { Peer } from './peer.ts'
import type { Parameters } from './request-body.ts'
import { acceptsEvents } from './request-check.ts'
import { unbuffered } from './streamed-results.ts'

const pingMs = 12_000
/** TCP keep-alive detects a dead peer between two pings. */
const probeMs = 5_000
const graceMs = 10_000

const headers = {
  'content-type': 'text/event-stream',
  connection: 'keep-alive',
  'cache-control': 'no-cache',
  'content-encoding': 'none',
  [unbuffered[0]]: unbuffered[1],
}
const ping = ':\n\n'
const complete = 'event: complete\ndata:\n\n'
const tooSlow = new GraphQLError('Slow consumer: the client reads too slowly. Connect again with the last cursor.', { extensions: { code: 'SLOW_CONSUMER' } })

/**
 * Answers subscriptions over Server-Sent Events by the shared broadcast. Returns false, with nothing written, when
 * graphql-yoga must answer.
 */
export function createEventStreams(yoga: YogaServerInstance<object, GraphQLContext>, broadcasts: Broadcasts, keyring: Keyring, count: StreamCount) {
  const open = new Set<ServerResponse>()
  let pinging: NodeJS.Timeout | undefined
  const pingAll = () => {
    for (const response of open) if (response.writableLength === 0) response.write(ping)
  }
  const enter = (response: ServerResponse) => {
    open.add(response)
    pinging ??= setInterval(pingAll, pingMs).unref()
  }
  const leave = (response: ServerResponse) => {
    open.delete(response)
    if (open.size > 0) return
    clearInterval(pinging)
    pinging = undefined
  }

  return async (request: IncomingMessage, response: ServerResponse, parameters: Parameters, contextValue: GraphQLContext): Promise<boolean> => {
    if (!isPlain(request) || !canBeSubscription(parameters)) return false
    const operation = await readOperation(yoga, parameters, contextValue)
    if (!operation || !count.hasCapacity(contextValue.viewer)) return false
    const delivery = await chooseDelivery(operation)
    if (delivery.path === 'execution') return false
    if (response.destroyed) return true
    if (!count.enter(contextValue.viewer, response)) return false
    request.socket.setKeepAlive(true, probeMs)
    response.writeHead(200, headers)
    response.write(ping)
    enter(response)
    const finish = (error?: unknown) => {
      stop()
      if (error) response.destroy()
      else response.end(complete)
    }
    const leaveBroadcast = broadcasts.join(operation, delivery.watch, createStreamPeer(response, finish))
    const forgetKey = keyring.onEnd(contextValue.viewer, () => {
      if (response.writableEnded) return
      response.write(format({ errors: [keyEnded(contextValue.viewer)] }))
      finish()
    })
    const stop = () => {
      leaveBroadcast()
      forgetKey()
      leave(response)
    }
    response.once('close', stop)
    return true
  }
}

function createStreamPeer(response: ServerResponse, end: Peer['end']): Peer {
  return {
    format,
    send: (text) => void (response.writableEnded || response.write(text)),
    backlog: () => response.writableLength,
    endSlow() {
      if (response.writableEnded) return
      response.end(format({ errors: [tooSlow] }) + complete)
      const late = setTimeout(() => response.destroy(), graceMs).unref()
      response.once('close', () => clearTimeout(late))
    },
    end,
  }
}

/** The format of graphql-yoga: errors first, without the extensions for HTTP. */
function format(result: ExecutionResult): string {
  const shown = result.errors ? { ...result, errors: result.errors.map(toShownError) } : result
  return `event: next\ndata: ${JSON.stringify(shown)}\n\n`
}

const isPlain = ({ method, headers, url }: IncomingMessage) =>
  method === 'POST' &&
  url === '/graphql' &&
  headers['content-type']?.toLowerCase().startsWith('application/json') &&
  // A subscription is answered as an event stream if the client accepts one.
  acceptsEvents(headers.accept ?? null) &&
  !headers.origin

/** A quick check for a possible subscription. Most queries and mutations lack the word. */
export const canBeSubscription = ({ query, extensions }: Parameters) => Boolean(query?.includes('subscription')) && !extensions

async function readOperation(
  yoga: YogaServerInstance<object, GraphQLContext>,
  parameters: Parameters,
  context: GraphQLContext,
): Promise<Operation | undefined> {
  const { query = '', operationName, variables } = parameters
  const enveloped = yoga.getEnveloped({ ...context, params: parameters })
  let document: DocumentNode
  try {
    document = enveloped.parse(query)
  } catch {
    return undefined
  }
  if (getOperationAST(document, operationName)?.operation !== OperationTypeNode.SUBSCRIPTION) return undefined
  if (enveloped.validate(enveloped.schema, document).length) return undefined
  return {
    query,
    document,
    operationName,
    variableValues: variables,
    schema: enveloped.schema,
    contextValue: (await enveloped.contextFactory()) as GraphQLContext,
    viewer: context.viewer,
  }
}
