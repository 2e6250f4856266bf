import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { type DecodersConfig, openDecoders } from '../../src/audio/decoders.ts'
import { readSound } from '../../src/audio/read-audio.ts'
import { flacOfSilence } from '../support/bombs.ts'
import { makeDirectory } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const recording = (name: string) => readFileSync(join(import.meta.dirname, '../recordings', name))
const crashes: string[] = []
const shared = openDecoders({ processes: 2, crashed: (reason) => crashes.push(reason) })
afterAll(() => shared.close())

function open(config: Partial<DecodersConfig> = {}) {
  const ended: string[] = []
  const decoders = openDecoders({ processes: 2, crashed: (reason) => ended.push(reason), ...config })
  onTestFinished(decoders.close)
  return { decoders, ended }
}

const requestOf = (workspaceId: string, waitMs = 0) => ({ workspaceId, waitMs })

async function read(decoders: typeof shared, body: AsyncIterable<Buffer>, maxSeconds = 60, request = requestOf('w')): Promise<number> {
  let seconds = 0
  for await (const sound of readSound(body, { decoders, request, maxSeconds, signal: AbortSignal.timeout(30_000), warn() {} })) seconds = sound.seconds
  return seconds
}

async function* once(...pieces: Buffer[]) {
  yield* pieces
}

/** The ids of the decoder processes that this process started. */
const children = () =>
  execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes('decoder.process.ts'))
    .map((line) => Number.parseInt(line, 10))

/** A recording whose second half waits until it is released. */
function halting(name: string) {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const file = recording(name)
  async function* body() {
    yield file.subarray(0, file.length >> 1)
    await released
    yield file.subarray(file.length >> 1)
  }
  return { body: body(), release }
}

describe('a decoder process', () => {
  test('the kill of a decoder process fails its recording, and the next recording is decoded', async () => {
    const { decoders, ended } = open()
    const { body, release } = halting('en-US.ogg')
    const reading = read(decoders, body)
    const outcome = expect(reading).rejects.toMatchObject({ code: 'DECODER_CRASHED', message: expect.stringContaining('Send the recording again') })
    await until(() => children().length === 1)
    process.kill(children()[0] as number, 'SIGKILL')
    await outcome
    release()
    expect(ended).toEqual([expect.stringContaining('SIGKILL')])
    expect(await read(decoders, once(recording('en-US.ogg')))).toBeCloseTo(3, 0)
  })

  test('a decoder process that hangs is ended', async () => {
    const { decoders, ended } = open({ timeoutMs: 300 })
    const { body, release } = halting('en-US.ogg')
    const outcome = expect(read(decoders, body)).rejects.toMatchObject({ code: 'DECODER_CRASHED' })
    await until(() => children().length === 1)
    process.kill(children()[0] as number, 'SIGSTOP')
    release()
    await outcome
    expect(ended).toEqual(['no answer for 300 ms'])
  })

  test('a slow sender does not end a decoder process', async () => {
    const { decoders } = open({ timeoutMs: 2_000 })
    const { body, release } = halting('en-US.ogg')
    setTimeout(release, 3_000)
    expect(await read(decoders, body)).toBeCloseTo(3, 0)
  })

  test('a decoder process ends when the reader or the sender of its recording stops', async () => {
    const { decoders } = open()
    const leaving = new AbortController()
    const { body } = halting('en-US.ogg')
    const reading = readSound(body, { decoders, maxSeconds: 60, signal: leaving.signal, warn() {} })
    await reading.next()
    const [pid] = children()
    leaving.abort(new Error('gone'))
    // Samples that arrived before the end are still read.
    const readRest = async () => {
      while (!(await reading.next()).done);
    }
    await expect(readRest()).rejects.toThrow('gone')
    await until(() => !children().includes(pid as number))
  })

  test('a decoder process sees no setting of the server and has only its pipes open', async () => {
    process.env.SECRET_OF_THE_SERVER = 'x'
    const { decoders } = open()
    const { body, release } = halting('en-US.ogg')
    const reading = readSound(body, { decoders, maxSeconds: 60, signal: AbortSignal.timeout(20_000), warn() {} })
    await reading.next()
    const [pid] = children()
    expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).not.toContain('SECRET')
    const files = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
    expect(files.filter((file) => file.startsWith('/') && !file.startsWith('/dev/'))).toEqual([])
    expect(readFileSync(`/proc/${pid}/limits`, 'latin1')).toMatch(/Max data size +1073741824/)
    release()
    await reading.return(undefined)
    delete process.env.SECRET_OF_THE_SERVER
  })

  test('from the second recording on, a decoder process starts in advance, and closing ends it', async () => {
    const { decoders } = open()
    await read(decoders, once(recording('en-US.ogg')))
    await until(() => children().length === 1)
    await decoders.close()
    expect(children()).toEqual([])
  })

  test('a decoder process ignores the signals that stop a server and finishes its recording', async () => {
    const { decoders, ended } = open()
    const { body, release } = halting('en-US.ogg')
    const sounds = readSound(body, { decoders, maxSeconds: 60, signal: AbortSignal.timeout(20_000), warn() {} })
    let { seconds } = (await sounds.next()).value
    const [pid] = children()
    for (const signal of ['SIGINT', 'SIGTERM']) process.kill(pid as number, signal)
    release()
    for await (const sound of sounds) seconds = sound.seconds
    expect(seconds).toBeCloseTo(3, 0)
    expect(ended).toEqual([])
  })

  test('closing during a recording is not reported as a crash and starts no other process', async () => {
    const { decoders, ended } = open()
    const { body, release } = halting('en-US.ogg')
    const outcome = expect(read(decoders, body)).rejects.toMatchObject({ code: 'DECODER_CRASHED' })
    await until(() => children().length === 1)
    await decoders.close()
    await outcome
    release()
    await expect(read(decoders, once(recording('en-US.ogg')))).rejects.toMatchObject({ message: expect.stringContaining('shutting down') })
    expect(children()).toEqual([])
    expect(ended).toEqual([])
  })

  test('the number of recordings that are decoded at once is limited', async () => {
    const { decoders } = open({ processes: 1 })
    const { body, release } = halting('en-US.ogg')
    const first = readSound(body, { decoders, maxSeconds: 60, signal: AbortSignal.timeout(20_000), warn() {} })
    await first.next()
    await expect(read(decoders, once(recording('en-US.mp3')))).rejects.toMatchObject({ code: 'DECODERS_BUSY' })
    release()
    await first.return(undefined)
    expect(await read(decoders, once(recording('en-US.mp3')))).toBeCloseTo(3, 0)
  })

  test('one workspace gets at most three quarters of the processes, and the next free one goes to another that waits', async () => {
    const { decoders } = open({ processes: 4 })
    const halted = Array.from({ length: 3 }, () => halting('en-US.ogg'))
    const begun = halted.map(({ body }) =>
      readSound(body, { decoders, request: requestOf('a'), maxSeconds: 60, signal: AbortSignal.timeout(60_000), warn() {} }),
    )
    await Promise.all(begun.map((sounds) => sounds.next()))
    await expect(read(decoders, once(recording('en-US.mp3')), 60, requestOf('a'))).rejects.toMatchObject({
      code: 'DECODERS_BUSY',
      message: expect.stringContaining('3 of them for this workspace'),
    })
    expect(await read(decoders, once(recording('en-US.mp3')), 60, requestOf('b'))).toBeCloseTo(3, 0)
    // A flood of the first workspace waits or is refused, and delays no other workspace.
    const flood = Array.from({ length: 100 }, () => read(decoders, once(recording('en-US.mp3')), 60, requestOf('a', 60_000)).catch((error) => error.code))
    const others = await Promise.all(['b', 'c', 'b', 'c'].map((workspace) => read(decoders, once(recording('en-US.mp3')), 60, requestOf(workspace, 60_000))))
    expect(others.map(Math.round)).toEqual([3, 3, 3, 3])
    for (const { release } of halted) release()
    await Promise.all(begun.map((sounds) => sounds.return(undefined)))
    const answers = await Promise.all(flood)
    expect(answers.filter((answer) => answer === 'DECODERS_BUSY').length).toBeGreaterThanOrEqual(100 - 32)
    expect(new Set(answers.map((answer) => (typeof answer === 'number' ? Math.round(answer) : answer)))).toEqual(new Set(['DECODERS_BUSY', 3]))
  })
})

describe('hostile files', () => {
  test.each([1, 2, 8])('hours of silence in %i channels end as too long, with bounded memory', async (channels) => {
    const before = process.memoryUsage().rss
    await expect(read(shared, once(flacOfSilence(channels, 2000)))).rejects.toMatchObject({ code: 'AUDIO_TOO_LONG' })
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(200)
  })

  test('endless elements without sound are refused', async () => {
    const head = Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x80])
    async function* body() {
      yield head
      for (;;) yield Buffer.alloc(64 * 1024, Buffer.from([0xec, 0x88, 0, 0, 0, 0, 0, 0, 0, 0]))
    }
    await expect(read(shared, body())).rejects.toMatchObject({ code: 'UNDECODABLE_AUDIO' })
  })

  test('an endless MP4 without an index is refused', async () => {
    async function* body() {
      yield Buffer.from('\0\0\0\x18ftypM4A \0\0\0\0M4A mp42\0\0\0\x01mdat\0\0\0\x7f\0\0\0\0', 'latin1')
      for (;;) yield Buffer.alloc(1 << 20, 1)
    }
    await expect(read(shared, body())).rejects.toMatchObject({ code: 'UNSUPPORTED_AUDIO', message: expect.stringContaining('larger than 64 MB') })
  })

  test('hostile files crash no decoder process', () => {
    expect(crashes).toEqual([])
  })
})

describe('lists of other files', () => {
  const lists: [string, (address: string, file: string) => string][] = [
    ['HLS', (address) => `#EXTM3U\n#EXTINF:1,\n${address}/a.mp3\n`],
    ['HLS after zeros', (address) => `${'\0'.repeat(100)}#EXTM3U\n#EXTINF:1,\n${address}/a.mp3\n`],
    ['HLS after a tag', (address) => `ID3\x03\0\0\0\0\0\0#EXTM3U\n#EXTINF:1,\n${address}/a.mp3\n`],
    ['a file of this machine', (_, file) => `#EXTM3U\n#EXTINF:1,\nfile://${file}\n`],
    ['concat', (_, file) => `ffconcat version 1.0\nfile '${file}'\n`],
    [
      'DASH',
      (address) =>
        `<?xml version="1.0"?><MPD><Period><AdaptationSet><Representation><BaseURL>${address}/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>`,
    ],
    ['SDP', () => 'v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n'],
    ['a reference file of Windows Media', (address) => `[Reference]\r\nRef1=${address}/a.wma\r\n`],
    ['RealMedia', (address) => `.RMF\0\0\0\x12\0\0\0\0\0\x01${address}`],
  ]

  test.each(lists)('a list of %s is refused, and its entries are not opened', async (_, make) => {
    const requests: string[] = []
    const server = createServer((request, response) => {
      requests.push(request.url ?? '')
      response.end(recording('en-US.mp3'))
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await until(() => server.listening)
    const file = join(await makeDirectory(), 'private.mp3')
    await writeFile(file, recording('en-US.mp3'))
    const list = make(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, file)
    await expect(read(shared, once(Buffer.from(list, 'latin1')))).rejects.toMatchObject({ code: 'UNSUPPORTED_AUDIO' })
    expect(requests).toEqual([])
  })

  test('a decoder process refuses a list of files, too', async () => {
    const file = join(await makeDirectory(), 'private.mp3')
    await writeFile(file, recording('en-US.mp3'))
    for (const list of [`#EXTM3U\n#EXTINF:1,\nfile://${file}\n`, `ffconcat version 1.0\nfile '${file}'\n`]) {
      const decoding = shared.decode(once(Buffer.from(list)), () => {}, { workspaceId: 'w', waitMs: 0, signal: AbortSignal.timeout(20_000) })
      await expect(decoding.next()).rejects.toMatchObject({ code: 'UNSUPPORTED_AUDIO' })
    }
  })
})
