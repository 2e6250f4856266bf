import { GraphQLError } from 'graphql'
import { CloseCode, type CompleteMessage, type Message, MessageType, parseMessage, type Server, type SubscribeMessage } from 'graphql-ws'
import type { WebSocket } from 'ws'
import { JsonScanner } from '../graphql-limits/json-limits.ts'
import type { WebSocketAnswers } from './websocket-answers.ts'

/** Converts an error to the form that clients see. */
type Explain = (error: unknown) => { message: string }

/** The handler of a subscribe message, until it has ended. */
interface RunningHandler {
  /** True after the client completed the subscription. */
  isCompleted: boolean
  /** The subscription with the same id that starts after the end of this handler. */
  next: SubscribeMessage | undefined
}

/**
 * Carries messages between one socket and graphql-ws. An error of a subscription goes to its id and leaves the socket
 * open. A client can reuse an id while the previous handler of the id is still ending. The end would remove the new
 * subscription, so the new subscription waits for it.
 */
export class WebSocketBinding {
  readonly #socket: WebSocket
  readonly #explain: Explain
  readonly #maxHandlers: number
  readonly #answers: WebSocketAnswers
  readonly #handlers = new Map<string, RunningHandler>()
  #handle: (message: Message) => Promise<void> = async () => {}

  /** `maxHandlers` includes subscriptions that the client has completed and whose handlers have not ended. */
  constructor(socket: WebSocket, answers: WebSocketAnswers, explain: Explain, maxHandlers: number) {
    this.#socket = socket
    this.#answers = answers
    this.#explain = explain
    this.#maxHandlers = maxHandlers
  }

  open<Extra extends Record<PropertyKey, unknown>>(server: Server<Extra>, extra: Extra) {
    const closed = server.opened(this, extra)
    this.#socket.on('message', (data) => this.#receive(data as Buffer))
    this.#socket.once('close', (code, reason) => closed(code, String(reason)).catch(this.#explain))
  }

  get protocol() {
    return this.#socket.protocol
  }

  send(data: string) {
    this.#answers.send(data)
  }

  close(code?: number, reason?: string) {
    this.#socket.close(code, reason && shorten(reason))
  }

  /** graphql-ws also accepts a parsed message. */
  onMessage(handle: (data: string) => Promise<void>) {
    this.#handle = handle as unknown as (message: Message) => Promise<void>
  }

  #receive(bytes: Buffer) {
    const problem = new JsonScanner().write(bytes)
    const data = String(bytes)
    if (problem) return this.#refuse(data, problem)
    let message: Message
    try {
      message = parseMessage(data)
    } catch (error) {
      return this.close(CloseCode.BadRequest, `Invalid message: ${(error as Error).message}`)
    }
    if (message.type === MessageType.Subscribe) this.#subscribe(message)
    else if (message.type === MessageType.Complete) this.#complete(message)
    else this.#pass(message)
  }

  /** The message is not parsed, so its id is known only if the text begins with it, as common clients write it. */
  #refuse(data: string, problem: string) {
    const [, id] = /^\{\s*"id"\s*:\s*("(?:[^"\\]|\\.){1,200}")\s*,\s*"type"\s*:\s*"subscribe"/.exec(data) ?? []
    if (!id) return this.close(CloseCode.BadRequest, `Invalid message: ${problem}`)
    const error = new GraphQLError(problem, { extensions: { code: 'REQUEST_TOO_LARGE' } })
    this.send(`{"id":${id},"type":"${MessageType.Error}","payload":${JSON.stringify([this.#explain(error)])}}`)
  }

  #pass(message: Message) {
    // These messages have no id for an error, so the socket closes.
    this.#handle(message).catch((error) => this.close(CloseCode.InternalServerError, this.#explain(error).message))
  }

  #subscribe(message: SubscribeMessage) {
    const handler = this.#handlers.get(message.id)
    if (!handler && this.#handlers.size >= this.#maxHandlers)
      return this.send(JSON.stringify({ id: message.id, type: MessageType.Error, payload: [this.#explain(stillEnding())] }))
    if (!handler) return void this.#start(message)
    if (!handler.isCompleted || handler.next) return this.close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${message.id} already exists`)
    handler.next = message
  }

  #complete(message: CompleteMessage) {
    const handler = this.#handlers.get(message.id)
    if (handler?.isCompleted) {
      handler.next = undefined
      return
    }
    if (handler) handler.isCompleted = true
    this.#pass(message)
  }

  async #start(message: SubscribeMessage) {
    const { id } = message
    const handler: RunningHandler = { isCompleted: false, next: undefined }
    this.#handlers.set(id, handler)
    try {
      await this.#handle(message)
    } catch (error) {
      const shown = this.#explain(error)
      if (!handler.isCompleted) this.send(JSON.stringify({ id, type: MessageType.Error, payload: [shown] }))
    }
    this.#handlers.delete(id)
    if (handler.next && this.#socket.readyState === this.#socket.OPEN) void this.#start(handler.next)
  }
}

const stillEnding = () =>
  new GraphQLError('Too many completed subscriptions of this socket are still ending. Subscribe again in a moment.', {
    extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' },
  })

/** A close reason has at most 123 bytes. A character that is cut in two becomes a replacement character of three bytes. */
const shorten = (reason: string) => (Buffer.byteLength(reason) > 123 ? Buffer.from(reason).subarray(0, 120).toString() : reason)
