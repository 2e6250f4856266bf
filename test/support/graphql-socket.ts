// A WebSocket that speaks graphql-transport-ws message by message, so that a test decides what is sent and when.
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { until } from './until.ts'

interface Server {
  localUrl: string
  key: string
}

export interface Heard {
  id?: string
  type: string
  payload?: any
}

export const subscriptionOfAll = 'subscription { deploymentStatusChanged { __typename } }'

/** Not acknowledged yet. */
export function dial({ localUrl }: Pick<Server, 'localUrl'>, protocol: string | string[] = 'graphql-transport-ws') {
  const socket = new WebSocket(`${localUrl.replace('http', 'ws')}/graphql`, protocol)
  onTestFinished(() => socket.terminate())
  const heard: Heard[] = []
  let closed: { code: number; reason: string } | undefined
  socket.on('message', (data) => heard.push(JSON.parse(String(data))))
  socket.on('error', () => {})
  socket.on('close', (code, reason) => (closed = { code, reason: String(reason) }))
  return {
    socket,
    heard,
    opened: new Promise<void>((open) => socket.once('open', open)),
    send: (message: object) => socket.send(JSON.stringify(message)),
    subscribe(id: string, query: string, variables?: object) {
      this.send({ id, type: 'subscribe', payload: { query, variables } })
    },
    /** The first message that has not been taken before and is like this; an error when the socket ends instead. */
    async next(like: Partial<Heard>): Promise<Heard> {
      const find = () => heard.findIndex((message) => Object.entries(like).every(([name, value]) => message[name as keyof Heard] === value))
      await until(() => find() >= 0 || closed)
      const [found] = find() >= 0 ? heard.splice(find(), 1) : []
      if (!found) throw new Error(`the socket was closed: ${closed?.code} ${closed?.reason}`)
      return found
    },
    async close() {
      await until(() => closed)
      return closed as unknown as { code: number; reason: string }
    },
    isOpen: () => closed === undefined,
  }
}

export type GraphQLSocket = ReturnType<typeof dial>

/** Lets in with whatever is sent as the payload of `connection_init`. */
export async function dialWith(server: Pick<Server, 'localUrl'>, payload: unknown) {
  const socket = dial(server)
  await socket.opened
  socket.send({ type: 'connection_init', payload })
  return socket
}

export async function connect(server: Server): Promise<GraphQLSocket> {
  const socket = await dialWith(server, { authorization: `Bearer ${server.key}` })
  await socket.next({ type: 'connection_ack' })
  return socket
}
