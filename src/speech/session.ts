import type { RecognizerModel } from '../decoding/recognizer-model.ts'
import type { ServedDeployment } from '../domain/endpoint.ts'
import type { Log } from '../log.ts'
import { countProblem } from './counters.ts'
import { contradiction, readOptions, type Wishes } from './options.ts'
import { SpeechProblem } from './problem.ts'
import { type ClientMessage, type CloseCode, closeCodes, decode, encode, ProtocolViolation, type ServerMessage, toCloseReason } from './protocol.ts'
import { timeouts } from './session-timeouts.ts'
import { explainFailure, type Hearing, Turn } from './turn.ts'
import { explainMessage } from './unsupported.ts'

/** A WebSocket as a session sees it. */
export interface Socket {
  send(text: string): void
  close(code: CloseCode, reason: string): void
  /** Ends it without a word, for peers that hear none. */
  terminate(): void
  /** What has been sent but not yet taken by the peer. */
  readonly bufferedAmount: number
  /** Stops and resumes reading. */
  pause(): void
  resume(): void
}

export interface SessionRequest {
  id: string
  served: ServedDeployment
  model: RecognizerModel
  pathMode: Wishes['pathMode']
  query: URLSearchParams
}

export interface SessionSetup extends Hearing {
  log: Log
  /** Milliseconds that only ever grow. */
  now(): number
  /** Takes one of the places for those who recognize; throws a {@link SpeechProblem} when none is free. */
  enter(): () => void
}

const leaving = 'The server is ending. Connect again.'
const maxUnsent = 1 << 20

type State = { name: 'REFUSED'; problem: SpeechProblem } | { name: 'BETWEEN_TURNS' } | { name: 'IN_TURN'; turn: Turn } | { name: 'CLOSED' }

//  REFUSED ───────────────────────────────────▶ CLOSED, with the reason in words
//  BETWEEN_TURNS ◀─ turn.end ─ first audio ─▶ IN_TURN ─▶ CLOSED
/** One client's socket from its first message to its close. */
export class Session {
  readonly #socket: Socket
  readonly #request: SessionRequest | SpeechProblem
  readonly #setup: SessionSetup
  #state: State
  #config: unknown
  #context: unknown
  #heardAt: number
  #openedAt: number
  #pace = { at: 0, seconds: 0 }
  #isLeaving = false
  #isPaused = false
  #leave: (() => void) | undefined
  #lastRequestId: string | undefined

  /** A refusal in place of a request is told to the client as soon as it listens. */
  constructor(socket: Socket, request: SessionRequest | SpeechProblem, setup: SessionSetup) {
    this.#socket = socket
    this.#request = request
    this.#setup = setup
    this.#heardAt = this.#openedAt = setup.now()
    this.#state = request instanceof SpeechProblem ? { name: 'REFUSED', problem: request } : { name: 'BETWEEN_TURNS' }
  }

  /** Takes what the client sent. Never throws: whatever is wrong ends this session only. */
  receive(data: Buffer, isBinary: boolean): void {
    this.#heardAt = this.#setup.now()
    try {
      if (this.#state.name === 'CLOSED') return
      if (this.#state.name === 'REFUSED') this.#refuse(this.#state.problem, data, isBinary)
      else this.#take(decode(data, isBinary))
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Ends the session for a reason that its user should read. */
  end(problem: SpeechProblem): void {
    if (this.#state.name === 'CLOSED') return
    // A refusal was counted when the caller was not let in.
    if (this.#state.name !== 'REFUSED') countProblem(this.#setup.figures, problem.code)
    this.#close(closeCodes.refused, `${problem.code}: ${problem.message}`)
  }

  /** The server is about to end: the session goes when nothing is lost by it, between two phrases or two turns. */
  leave(): void {
    this.#isLeaving = true
    this.check()
  }

  /** The server ends now. What the client can send again is left to the next server; what it will not is told. */
  leaveNow(): void {
    if (this.#state.name === 'IN_TURN' && this.#mayBeAllSent(this.#state.turn))
      this.end(new SpeechProblem(503, 'SERVER_ENDING', 'The server ended before it could answer. Recognize the recording again.'))
    else this.#close(closeCodes.leaving, leaving)
  }

  /** Looks at the clock, once a second or so. Never throws. */
  check(): void {
    try {
      this.#checkTime()
    } catch (error) {
      this.#fail(error)
    }
  }

  #checkTime() {
    const now = this.#setup.now()
    const still = now - this.#heardAt
    const state = this.#state
    if (state.name === 'CLOSED') return
    if (this.#socket.bufferedAmount > maxUnsent) this.#cut('SLOW_READER')
    else if (state.name === 'BETWEEN_TURNS' && this.#isLeaving) {
      // The SDK still has something to say to the socket when a turn has ended, and would take it ill.
      if (still > timeouts.leavingMs) this.#close(closeCodes.leaving, leaving)
    } else if (state.name === 'REFUSED') {
      const hasSpoken = this.#heardAt > this.#openedAt
      if (now - this.#openedAt > timeouts.refusedMs || (hasSpoken && still > timeouts.explainMs)) this.end(state.problem)
    } else if (state.name === 'IN_TURN' && (state.turn.isFinishing || this.#isPaused)) {
      if (still > timeouts.finishMs)
        this.end(new SpeechProblem(503, 'RECOGNITION_TIMEOUT', 'The recognizer did not answer in time. Recognize the recording again.'))
    } else if (state.name === 'IN_TURN' && state.turn.isComplete && still > timeouts.completeMs) state.turn.finish()
    else if (still > timeouts.idleMs) this.#sendAway('IDLE', 'nothing was sent')
    else if (state.name === 'IN_TURN') this.#checkPace(state.turn, now)
    else if (still > timeouts.placeMs) this.#leavePlace()
  }

  /** The socket is gone. */
  closed(): void {
    if (this.#state.name === 'IN_TURN') this.#state.turn.close()
    this.#state = { name: 'CLOSED' }
    this.#leavePlace()
  }

  #take(message: ClientMessage) {
    const problem = explainMessage(message)
    if (problem) return this.end(problem)
    switch (message.path) {
      case 'speech.config':
        this.#config = message.body
        return
      case 'speech.context':
        this.#context = message.body
        return
      case 'audio':
        return this.#hear(message.requestId, message.audio)
      case 'other':
        return
    }
  }

  /** A client without a cid may be one of another service: that is the better reason, and its first messages show it. */
  #refuse(problem: SpeechProblem, data: Buffer, isBinary: boolean) {
    if (problem.code !== 'ENDPOINT_NOT_FOUND') return this.end(problem)
    const message = decode(data, isBinary)
    if (message.path !== 'speech.config') this.end(explainMessage(message) ?? problem)
  }

  #hear(requestId: string, audio: Buffer) {
    if (requestId !== this.#lastRequestId) this.#beginTurn(requestId)
    if (this.#state.name !== 'IN_TURN') return
    const { turn } = this.#state
    if (!audio.length) return turn.finish()
    if (!turn.hear(audio) && !turn.isEnded) this.#pause()
  }

  #pause() {
    this.#isPaused = true
    this.#socket.pause()
  }

  #resume() {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#heardAt = this.#pace.at = this.#setup.now()
    this.#socket.resume()
  }

  #beginTurn(requestId: string) {
    if (this.#request instanceof SpeechProblem) return
    if (this.#state.name === 'IN_TURN') this.#state.turn.close()
    this.#resume()
    this.#lastRequestId = requestId
    const { id, served, model, pathMode, query } = this.#request
    const options = readOptions({ served, pathMode, query, config: this.#config, context: this.#context })
    const { id: deploymentId, workspaceId } = served.deployment
    const turn: Turn = new Turn({ requestId, workspaceId, deploymentId, model, options, serviceTag: id, warning: contradiction(served, query) }, this.#setup, {
      send: (message) => this.#send(requestId, message),
      toldPhrase: () => this.#isLeaving && !this.#isPaused && this.#close(closeCodes.leaving, leaving),
      drained: () => this.#resume(),
      failed: (error) => this.#fail(error),
      lost: () => this.#close(closeCodes.crashed, 'RECOGNIZER_CRASHED: the recognizer ended. Connect again.'),
    })
    this.#state = { name: 'IN_TURN', turn }
    this.#pace = { at: this.#setup.now(), seconds: 0 }
    try {
      this.#leave ??= this.#setup.enter()
    } catch (error) {
      if (!(error instanceof SpeechProblem) || error.status !== 429) throw error
      countProblem(this.#setup.figures, error.code)
      turn.refuseAsBusy(`${error.code}: ${error.message}`)
    }
  }

  #send(requestId: string, message: ServerMessage) {
    if (this.#state.name === 'CLOSED') return
    this.#heardAt = this.#setup.now()
    this.#socket.send(encode(requestId, message))
    if (message.path !== 'turn.end') return
    this.#state = { name: 'BETWEEN_TURNS' }
    this.#resume()
  }

  /** What a client has sent entirely it does not send again: the SDK would wait for ever. */
  #mayBeAllSent = (turn: Turn) => turn.isFinishing || turn.isComplete || this.#isPaused

  #checkPace(turn: Turn, now: number) {
    if (now - this.#pace.at < timeouts.slowMs) return
    if (turn.seconds - this.#pace.seconds < 1) return this.#sendAway('AUDIO_TOO_SLOW', 'less than a second of audio came')
    this.#pace = { at: now, seconds: turn.seconds }
  }

  /** In a turn the client is to come back. Between turns native clients report every code but the normal one as an error. */
  #sendAway(name: string, reason: string) {
    countProblem(this.#setup.figures, name)
    this.#close(this.#state.name === 'IN_TURN' ? closeCodes.leaving : closeCodes.done, `${name}: ${reason} for ${timeouts.idleMs / 1000} seconds.`)
  }

  #leavePlace() {
    this.#leave?.()
    this.#leave = undefined
  }

  #fail(error: unknown) {
    if (error instanceof ProtocolViolation) return this.end(new SpeechProblem(400, 'PROTOCOL_VIOLATION', error.message))
    const problem = explainFailure(error)
    if (problem) return this.end(problem)
    const id = crypto.randomUUID()
    this.#setup.log.error({ id, error: error instanceof Error ? error.stack : String(error) }, 'a session failed')
    this.end(new SpeechProblem(500, 'RECOGNITION_FAILED', `Something went wrong. Look for ${id} in the server's log.`))
  }

  /** For peers that take nothing more, not even a reason. */
  #cut(name: string) {
    countProblem(this.#setup.figures, name)
    this.closed()
    this.#socket.terminate()
  }

  #close(code: CloseCode, reason: string) {
    if (this.#state.name === 'CLOSED') return
    this.closed()
    this.#resume()
    this.#socket.close(code, toCloseReason(reason))
  }
}
