import { cacheExchange, type KeyingConfig } from '@urql/exchange-graphcache'
import { createClient as createSocket } from 'graphql-ws'
import { type Client, type CombinedError, createClient, type ExecutionResult, fetchExchange, subscriptionExchange } from 'urql'
import { withBase } from '../base.ts'
import possibleTypes from '../gql/possible-types.ts'
import { ownHeaders } from './browser-session.ts'

const pingMs = 10_000
const pongMs = 5_000

/** One socket for all subscriptions. It is closed when the server no longer answers pings; the next subscription opens it again. */
function openSocket(connected: () => void) {
  let timeout: ReturnType<typeof setTimeout> | undefined
  const socket = createSocket({
    url: `${location.origin.replace(/^http/, 'ws')}${withBase('/graphql')}`,
    retryAttempts: 0,
    keepAlive: pingMs,
    on: {
      connected,
      ping: (received) => {
        if (!received) timeout = setTimeout(() => socket.terminate(), pongMs)
      },
      pong: (received) => {
        if (received) clearTimeout(timeout)
      },
      closed: () => clearTimeout(timeout),
    },
  })
  return socket
}

const partOfParent = () => null

/** Types without an id, and types whose key is a different field. */
const keys: KeyingConfig = {
  ...Object.fromEntries(possibleTypes.possibleTypes.Error?.map((name) => [name, partOfParent]) ?? []),
  Canary: partOfParent,
  ChangedWord: partOfParent,
  ComparedItem: partOfParent,
  ComparedItemConnection: partOfParent,
  CompletionEstimate: partOfParent,
  DeploymentFailure: partOfParent,
  DeploymentPreflight: partOfParent,
  DeploymentRevisionConnection: partOfParent,
  DeploymentStatusCount: partOfParent,
  DeploymentTimelineConnection: partOfParent,
  DeploymentStatusChange: ({ cursor }) => cursor as string,
  EndpointUrls: partOfParent,
  AlignedWord: partOfParent,
  ConfidenceInterval: partOfParent,
  EvaluatedItem: partOfParent,
  EvaluatedItemConnection: partOfParent,
  EvaluatedWord: partOfParent,
  EvaluationComparison: partOfParent,
  EvaluationConnection: partOfParent,
  EvaluationFailure: partOfParent,
  EvaluationResult: partOfParent,
  EvaluationStatusChange: partOfParent,
  TestItem: partOfParent,
  TestItemConnection: partOfParent,
  TestSetConnection: partOfParent,
  TestSetFailure: partOfParent,
  TestSetStatusChange: partOfParent,
  WordConfusion: partOfParent,
  LanguageModelEvaluation: partOfParent,
  MatchedPairsTest: partOfParent,
  ModelFailure: partOfParent,
  Pronunciation: partOfParent,
  RevisionChange: partOfParent,
  Shadow: partOfParent,
  ModelStatusChange: ({ cursor }) => cursor as string,
  DeletedDeploymentConnection: partOfParent,
  DeploymentConnection: partOfParent,
  KeyConnection: partOfParent,
  SessionConnection: partOfParent,
  ModelConnection: partOfParent,
  TextStatistics: partOfParent,
  SpeechLocale: ({ code }) => code as string,
  Verification: partOfParent,
  Viewer: partOfParent,
  FieldError: partOfParent,
  Gate: partOfParent,
}

/** `connected` is called each time the socket of the subscriptions has been opened. */
export function createApi(connected: () => void): Client {
  const socket = openSocket(connected)
  return createClient({
    url: withBase('/graphql'),
    preferGetMethod: false,
    fetchOptions: { headers: { ...ownHeaders, accept: 'application/json' } },
    // Shows cached data at once and reads them again.
    requestPolicy: 'cache-and-network',
    exchanges: [
      cacheExchange({ keys, ...possibleTypes }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: ({ next, error, complete }) => ({
            unsubscribe: socket.subscribe(
              { query, variables: variables as Record<string, unknown> },
              { next: (result) => next(result as ExecutionResult), error, complete },
            ),
          }),
        }),
      }),
    ],
  })
}

export const isSignedOut = (error: CombinedError | undefined) => error?.response?.status === 401

/** The server's message with the id of its log entry, or a message about the connection. */
export function toMessage(error: CombinedError): string {
  const [first] = error.graphQLErrors
  const id = first?.extensions['id']
  if (first) return id && !first.message.includes(String(id)) ? `${first.message} (${id})` : first.message
  return 'The server does not answer. Check the connection, then try again.'
}

/** The same for a page that repeats its reads automatically. */
export const toReadMessage = (error: CombinedError): string =>
  error.networkError ? 'The server does not answer. This page tries again automatically.' : toMessage(error)
