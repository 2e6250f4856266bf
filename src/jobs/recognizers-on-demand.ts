import type { Recognizers } from '../recognition/recognizers-port.ts'

/** How long recognizers stay open without work. The next deployment often follows within this time. */
const idleMs = 60_000

/** The figures of recognizers that are not open. */
const closed: ReturnType<Recognizers['usage']> = {
  streams: 0,
  maxStreams: 0,
  streamsWaiting: 0,
  load: 0,
  waiting: 0,
  workers: { running: 0, busy: 0, most: 0, ended: 0 },
  models: [],
  memoryBytes: 0,
  suspects: { strikes: 0, isolated: 0, refused: 0 },
}

/**
 * Recognizers for a process without the role `speech`: opened for the first job that needs them, and closed after a
 * while without work.
 */
export function createRecognizersOnDemand(open: () => Recognizers, idle = idleMs): Recognizers {
  let present: Recognizers | undefined
  let closing: Promise<unknown> = Promise.resolve()
  let users = 0
  let idleTimer: NodeJS.Timeout | undefined
  let isClosed = false
  let ended = 0
  let strikes = 0

  const usage = () => {
    const inner = present?.usage() ?? closed
    return {
      ...inner,
      workers: { ...inner.workers, ended: inner.workers.ended + ended },
      suspects: { ...inner.suspects, strikes: inner.suspects.strikes + strikes },
    }
  }
  const letGo = () => {
    if (!present) return
    // A stream can continue after `open`, and a worker can load a model in advance.
    const { streams, workers } = present.usage()
    if (users > 0 || streams > 0 || workers.busy > 0) return wait()
    const { workers: all, suspects } = usage()
    ended = all.ended
    strikes = suspects.strikes
    closing = present.close()
    present = undefined
  }
  const wait = () => {
    clearTimeout(idleTimer)
    idleTimer = setTimeout(letGo, idle).unref()
  }
  const use = async <T>(run: (recognizers: Recognizers) => Promise<T>): Promise<T> => {
    if (isClosed) throw new Error('The recognizers are closed.')
    users++
    clearTimeout(idleTimer)
    try {
      present ??= open()
      return await run(present)
    } finally {
      users--
      wait()
    }
  }

  return {
    load: (model, signal) => use((recognizers) => recognizers.load(model, signal)),
    open: (request, listener, waiting) => use((recognizers) => recognizers.open(request, listener, waiting)),
    recognize: (request, signal) => use((recognizers) => recognizers.recognize(request, signal)),
    release: (sha256s) => present?.release(sha256s),
    usage,
    check: async () => present?.check(),
    async close() {
      isClosed = true
      clearTimeout(idleTimer)
      await Promise.all([closing, present?.close()])
    },
  }
}
