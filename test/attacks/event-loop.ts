import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'

interface LoopFigures {
  /** Delays of the event loop by the clock, in milliseconds. */
  p99: number
  max: number
  /** The longest processor time of the thread without a pause, in milliseconds. */
  busy: number
  memoryMb: number
}

/** The settings that make a server report its event loop, and the functions that read the reports. */
export function watchEventLoop(directory: string) {
  const socketPath = join(directory, 'loop')
  const read = async (path: string) => {
    const [response] = await once(request({ socketPath, path }).end(), 'response')
    let text = ''
    for await (const piece of response) text += piece
    return JSON.parse(text)
  }
  return {
    settings: { WATCH_LOOP: socketPath, NODE_OPTIONS: `--import ${join(import.meta.dirname, 'event-loop.process.mjs')}` },
    /** Figures since the last call. */
    readLoop: (): Promise<LoopFigures> => read('/'),
    /** Megabytes in use after a garbage collection. */
    readHeapMb: async (): Promise<number> => (await read('/heap')).heapMb,
  }
}
