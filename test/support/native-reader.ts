// Reads the server's messages as strictly as the native Speech SDK (C#, C++, Java, Python, Go, Swift) does, in its
// oldest and its newest generation. Written from the behavior of its public source (MIT): the library itself is a
// binary that tests cannot bring along.

type Generation = 'oldest' | 'newest'
type Headers = Map<string, string>

const statuses = ['Success', 'NoMatch', 'InitialSilenceTimeout', 'BabbleTimeout', 'Error', 'EndOfDictation', 'TooManyRequests', 'BadRequest', 'Forbidden']
const errorStatuses = ['Error', 'TooManyRequests', 'BadRequest', 'Forbidden']
const confidences = ['Unknown', 'Low', 'Medium', 'High']

/** What the SDK does wrong with a message is thrown: it would drop the message and wait, or end with an error. */
class NativeReader {
  readonly #generation: Generation
  /** Turns that the client has begun and the server has not ended, with what the server has said in them. */
  readonly #turns = new Map<string, { isStarted: boolean; isMuted: boolean; phrases: number; hasFailed: boolean }>()

  constructor(generation: Generation) {
    this.#generation = generation
  }

  sent(requestId: string) {
    if (!this.#turns.has(requestId)) this.#turns.set(requestId, { isStarted: false, isMuted: false, phrases: 0, hasFailed: false })
  }

  receive(message: string) {
    const { headers, body } = this.#split(message)
    const path = headers.get('Path')
    const turn = this.#turns.get(headers.get('X-RequestId') ?? '')
    if (!path) throw new Error(`no Path in ${JSON.stringify(message)}`)
    if (!turn) throw new Error(`unexpected request id "${headers.get('X-RequestId')}", Path: "${path}"`)
    if (body && !headers.get('Content-Type')) throw new Error(`${path} has a body and no Content-Type`)
    const json = body ? JSON.parse(body) : undefined
    if (path !== 'turn.start' && !turn.isStarted) throw new Error(`${path} before turn.start`)
    switch (path) {
      case 'turn.start':
        if (turn.isStarted) throw new Error('a second turn.start')
        if (typeof json?.context?.serviceTag !== 'string') throw new Error('turn.start without a serviceTag')
        turn.isStarted = true
        return
      case 'speech.startDetected':
        if (turn.isMuted) throw new Error('speech starts after the client was told to send no more')
        return readTicks(json, ['Offset'])
      case 'speech.endDetected':
        // The client mutes itself until turn.end: a second one, or one before the turn's last phrase is decoded from more audio, loses speech.
        if (turn.isMuted) throw new Error('a second speech.endDetected')
        turn.isMuted = true
        return readTicks(json, ['Offset'])
      case 'speech.hypothesis':
        if (turn.isMuted) throw new Error('a hypothesis after speech.endDetected')
        if (typeof json.Text !== 'string') throw new Error('a hypothesis without Text')
        readLanguage(json)
        return readTicks(json, ['Offset', 'Duration'])
      case 'speech.phrase':
        readPhrase(json)
        turn.phrases++
        turn.hasFailed ||= errorStatuses.includes(json.RecognitionStatus)
        return
      case 'turn.end':
        if (body) throw new Error('turn.end with a body')
        // Single-shot recognition waits for a phrase; without endDetected it flushes audio that belongs to no turn any more.
        if (!turn.phrases) throw new Error('turn.end without a phrase')
        if (!turn.isMuted && !turn.hasFailed) throw new Error('turn.end without speech.endDetected')
        this.#turns.delete(headers.get('X-RequestId') ?? '')
        return
      default:
        throw new Error(`unknown path "${path}"`)
    }
  }

  /** The name is what stands before the first colon. The oldest generation takes the value as it stands behind it. */
  #split(message: string): { headers: Headers; body: string } {
    const end = message.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`no empty line in ${JSON.stringify(message)}`)
    const headers: Headers = new Map()
    for (const line of message.slice(0, end).split('\r\n')) {
      const colon = line.indexOf(':')
      if (colon <= 0) throw new Error(`"${line}" is not a header`)
      const [name, value] = [line.slice(0, colon), line.slice(colon + 1)]
      headers.set(this.#generation === 'oldest' ? name : name.trimEnd(), this.#generation === 'oldest' ? value : value.trimStart())
    }
    return { headers, body: message.slice(end + 4) }
  }
}

function readPhrase(json: Record<string, any>) {
  readTicks(json, ['Offset', 'Duration'])
  if (!statuses.includes(json.RecognitionStatus)) throw new Error(`unknown RecognitionStatus "${json.RecognitionStatus}"`)
  const text = json.DisplayText ?? json.NBest?.[0]?.Display
  if (json.RecognitionStatus === 'Success' && typeof text !== 'string') throw new Error('a Success without text')
  if (json.SpeakerId !== undefined && (typeof json.SpeakerId !== 'string' || !json.SpeakerId)) throw new Error('an empty SpeakerId')
  readLanguage(json)
}

function readLanguage({ PrimaryLanguage }: Record<string, any>) {
  if (PrimaryLanguage === undefined) return
  if (!PrimaryLanguage.Language || typeof PrimaryLanguage.Language !== 'string') throw new Error('a PrimaryLanguage without a Language')
  if (!confidences.includes(PrimaryLanguage.Confidence ?? 'High')) throw new Error(`unknown Confidence "${PrimaryLanguage.Confidence}"`)
}

function readTicks(json: Record<string, any> | undefined, names: string[]) {
  for (const name of names) if (!Number.isInteger(json?.[name]) || json?.[name] < 0) throw new Error(`${name} is ${json?.[name]}, not a count of ticks`)
}

/** Both generations at once, side by side with whatever a test client does. */
export function createNativeReaders() {
  const readers = [new NativeReader('oldest'), new NativeReader('newest')]
  const violations: string[] = []
  const guard = (read: (reader: NativeReader) => void) => {
    for (const reader of readers) {
      try {
        read(reader)
      } catch (error) {
        violations.push((error as Error).message)
      }
    }
  }
  return {
    /** What the native SDK could not read. */
    violations,
    /** A frame from the client: its request id begins a turn. */
    sent(frame: Buffer | string) {
      const head = Buffer.from(frame as string).toString('latin1', 0, 1_000)
      const requestId = /^[^:\r\n]{0,2}X-RequestId:\s*(\S+)|\nX-RequestId:\s*(\S+)/i.exec(head)
      const id = requestId?.[1] ?? requestId?.[2]
      if (id) guard((reader) => reader.sent(id))
    },
    received: (message: string) => guard((reader) => reader.receive(message)),
  }
}

/**
 * What the user of the newest native SDK reads when the server closes the socket, and whether the SDK connects again by
 * itself first. Refused upgrades are read as "WebSocket upgrade failed: …" with the status alone.
 */
export function readNativeClose(code: number, reason: string) {
  const isFinal = [1002, 1007].includes(code)
  return { details: `Connection was closed by the remote host. Error code: ${code}. Error details: ${reason}`, isRetried: !isFinal && code !== 1000 }
}
