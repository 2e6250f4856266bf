import type { RecognizerModel } from '../decoding/recognizer-model.ts'
import type { ServedDeployment } from '../domain/endpoint.ts'
import { ProblemError } from '../http/problem.ts'
import { countProblem } from './counters.ts'
import { findLanguageWarning, type RequestedOptions, readOptions } from './options.ts'
import { type ClientMessage, type CloseCode, closeCodes, decode, encode, ProtocolViolation, type ServerMessage, toCloseReason } from './protocol.ts'
import { idleMs, SessionClock, slowMs } from './session-clock.ts'
import type { Socket } from './socket.ts'
import { Turn, type TurnResources } from './turn.ts'
import { explainMessage } from './unsupported.ts'

export interface SessionRequest {
  id: string
  served: ServedDeployment
  model: RecognizerModel
  pathMode: RequestedOptions['pathMode']
  query: URLSearchParams
}

export interface SessionSetup extends TurnResources {
  /** The problem that the client reads for an error; an unexpected error is logged. */
  explain(error: unknown): ProblemError
  /** Monotonic milliseconds. */
  now(): number
  /** Takes a session slot and returns its release. Throws a {@link ProblemError} when no slot is free. */
  enter(): () => void
}

const leaving = 'The server is shutting down. Connect again.'
const maxUnsent = 1 << 20

type SessionState = { name: 'REFUSED'; problem: ProblemError } | { name: 'BETWEEN_TURNS' } | { name: 'IN_TURN'; turn: Turn } | { name: 'CLOSED' }

//  REFUSED ───────────────────────────────────▶ CLOSED, with the reason
//  BETWEEN_TURNS ◀─ turn.end ─ first audio ─▶ IN_TURN ─▶ CLOSED
/** One client's socket from its first message to its close. */
export class Session {
  readonly #socket: Socket
  readonly #request: SessionRequest | ProblemError
  readonly #setup: SessionSetup
  readonly #clock: SessionClock
  #state: SessionState
  #config: unknown
  #context: unknown
  #isLeaving = false
  #isPaused = false
  #leave: (() => void) | undefined
  #lastRequestId: string | undefined

  /** With a problem in place of a request, the session refuses its client. */
  constructor(socket: Socket, request: SessionRequest | ProblemError, setup: SessionSetup) {
    this.#socket = socket
    this.#request = request
    this.#setup = setup
    this.#clock = new SessionClock(() => setup.now())
    this.#state = request instanceof ProblemError ? { name: 'REFUSED', problem: request } : { name: 'BETWEEN_TURNS' }
  }

  /** Handles a message of the client. Never throws: an error ends this session only. */
  receive(data: Buffer, isBinary: boolean): void {
    this.#clock.noteActivity()
    try {
      if (this.#state.name === 'CLOSED') return
      if (this.#state.name === 'REFUSED') this.#refuse(this.#state.problem, data, isBinary)
      else this.#take(decode(data, isBinary))
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Ends the session with a reason that the Speech SDK shows its user. */
  end(problem: ProblemError): void {
    if (this.#state.name === 'CLOSED') return
    // The data plane has counted a refusal already.
    if (this.#state.name !== 'REFUSED') countProblem(this.#setup.figures, problem.code)
    this.#close(closeCodes.refused, `${problem.code}: ${problem.message}`)
  }

  /** Prepares for a shutdown: the session ends between two phrases or two turns, where no audio is lost. */
  leave(): void {
    this.#isLeaving = true
    this.check()
  }

  /** Ends the session for a shutdown. A client that still sends repeats its audio at another server; any other reads an error. */
  leaveNow(): void {
    if (this.#state.name === 'IN_TURN' && this.#mayBeAllSent(this.#state.turn))
      this.end(new ProblemError(503, 'SERVER_ENDING', 'The server shut down before the recognition ended. Recognize the recording again.'))
    else this.#close(closeCodes.leaving, leaving)
  }

  /** Enforces the timeouts; called about once a second. Never throws. */
  check(): void {
    try {
      this.#checkTime()
    } catch (error) {
      this.#fail(error)
    }
  }

  #checkTime() {
    if (this.#state.name === 'CLOSED') return
    if (this.#socket.bufferedAmount > maxUnsent) return this.#cut('SLOW_READER')
    const turn = this.#state.name === 'IN_TURN' ? this.#state.turn : undefined
    switch (this.#clock.findDue(this.#phase(), turn)) {
      case 'REFUSE':
        return this.#state.name === 'REFUSED' ? this.end(this.#state.problem) : undefined
      case 'LEAVE':
        return this.#close(closeCodes.leaving, leaving)
      case 'RELEASE_SLOT':
        return this.#releaseSlot()
      case 'FINISH_TURN':
        return turn?.finish()
      case 'END_IDLE':
        return this.#disconnect('IDLE', `The client sent nothing for ${idleMs / 1000} seconds.`)
      case 'END_SLOW':
        return this.#disconnect('AUDIO_TOO_SLOW', `The client sent less than a second of audio in ${slowMs / 1000} seconds.`)
      case 'END_UNANSWERED':
        return this.end(new ProblemError(503, 'RECOGNITION_TIMEOUT', 'The recognizer did not answer in time. Recognize the recording again.'))
    }
  }

  #phase() {
    if (this.#state.name === 'IN_TURN') return this.#state.turn.isFinishing || this.#isPaused ? 'FINISHING' : 'HEARING'
    // The SDK still sends a message when a turn has ended, and reports an error when the socket closes before that.
    return this.#state.name === 'BETWEEN_TURNS' && this.#isLeaving ? 'LEAVING' : this.#state.name
  }

  /** Releases everything after the socket has closed. */
  closed(): void {
    if (this.#state.name === 'IN_TURN') this.#state.turn.close()
    this.#state = { name: 'CLOSED' }
    this.#releaseSlot()
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

  /** A client without a cid can be a client of another speech service. Its first messages show that, and it is the better reason. */
  #refuse(problem: ProblemError, data: Buffer, isBinary: boolean) {
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
    this.#clock.resume()
    this.#socket.resume()
  }

  #beginTurn(requestId: string) {
    if (this.#request instanceof ProblemError) return
    if (this.#state.name === 'IN_TURN') this.#state.turn.close()
    this.#resume()
    this.#lastRequestId = requestId
    const { id, served, model, pathMode, query } = this.#request
    const options = readOptions({ served, pathMode, query, config: this.#config, context: this.#context })
    const { id: deploymentId, workspaceId } = served.deployment
    const turn: Turn = new Turn(
      { requestId, workspaceId, deploymentId, model, options, serviceTag: id, revision: served.revision, warning: findLanguageWarning(served, query) },
      this.#setup,
      {
        send: (message) => this.#send(requestId, message),
        sentPhrase: () => this.#isLeaving && !this.#isPaused && this.#close(closeCodes.leaving, leaving),
        drained: () => this.#resume(),
        failed: (error) => this.#fail(error),
        lost: () => this.#close(closeCodes.crashed, 'RECOGNIZER_CRASHED: The recognizer crashed. Connect again.'),
      },
    )
    this.#state = { name: 'IN_TURN', turn }
    this.#clock.beginTurn()
    try {
      this.#leave ??= this.#setup.enter()
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status !== 429) throw error
      countProblem(this.#setup.figures, error.code)
      turn.refuseAsBusy(`${error.code}: ${error.message}`)
    }
  }

  #send(requestId: string, message: ServerMessage) {
    if (this.#state.name === 'CLOSED') return
    this.#clock.noteActivity()
    this.#socket.send(encode(requestId, message))
    if (message.path !== 'turn.end') return
    this.#state = { name: 'BETWEEN_TURNS' }
    this.#resume()
  }

  /** The SDK does not repeat audio that it has sent to its end; without an error it would wait for ever. */
  #mayBeAllSent = (turn: Turn) => turn.isFinishing || turn.isComplete || this.#isPaused

  /** In a turn the code makes the client connect again. Between turns native clients report any code but the normal one as an error. */
  #disconnect(name: string, reason: string) {
    countProblem(this.#setup.figures, name)
    this.#close(this.#state.name === 'IN_TURN' ? closeCodes.leaving : closeCodes.done, `${name}: ${reason}`)
  }

  #releaseSlot() {
    this.#leave?.()
    this.#leave = undefined
  }

  #fail(error: unknown) {
    this.end(error instanceof ProtocolViolation ? new ProblemError(400, 'PROTOCOL_VIOLATION', error.message) : this.#setup.explain(error))
  }

  /** Ends the connection of a peer that does not read, without a reason. */
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
