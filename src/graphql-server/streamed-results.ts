import type { ServerResponse } from 'node:http'
import { Repeater } from '@repeaterjs/repeater'
import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Service } from '../domain/context.ts'
import type { GraphQLContext } from '../graphql/builder.ts'
import { keyEnded, type StreamCount, tooManyStreams } from './authentication.ts'

interface HttpContext extends GraphQLContext {
  /** Present over HTTP only. `websocket.ts` counts and ends sockets. */
  res?: ServerResponse
}

/** Counts each subscription over HTTP that graphql-yoga answers, and ends it with an error when its key ends. */
export function guardStreams({ keyring }: Service, count: StreamCount, limit: number): Plugin<GraphQLContext> {
  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      const { res: response, viewer } = args.contextValue as HttpContext
      // A client that has already disconnected emits no further `close`, so its stream would stay counted.
      if (!response || response.destroyed) return undefined
      if (!count.enter(viewer, response)) return setResultAndStopExecution({ errors: [tooManyStreams(limit)] })
      return {
        onSubscribeResult({ result, setResult }) {
          if (Symbol.asyncIterator in result) setResult(endWith(result, keyEnded(viewer), (ended) => keyring.onEnd(viewer, ended)))
        },
      }
    },
    onResponse({ response }) {
      if (response.headers.get('content-type')?.startsWith('text/event-stream')) response.headers.set(...unbuffered)
    },
  }
}

/** The header that makes nginx and other proxies forward streamed bytes at once. */
export const unbuffered = ['x-accel-buffering', 'no'] as const

/** The results of a stream, and the error `last` after the end of the key. */
function endWith(
  results: AsyncIterable<ExecutionResult>,
  last: GraphQLError,
  onEnd: (ended: () => void) => () => void,
): AsyncIterableIterator<ExecutionResult> {
  return new Repeater<ExecutionResult>(async (push, stop) => {
    const inner = results[Symbol.asyncIterator]()
    const forget = onEnd(() => {
      push({ errors: [last] }).catch(() => {})
      stop()
    })
    stop.finally(() => void inner.return?.())
    try {
      for (let next = await inner.next(); !next.done; next = await inner.next()) await push(next.value)
      stop()
    } finally {
      forget()
    }
  }) as unknown as AsyncIterableIterator<ExecutionResult>
}
