// Where model files come from: several sources, other processes, and addresses that must not be asked.
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { bringFile } from '../../src/artifacts/bring.ts'
import { openHttps } from '../../src/artifacts/https-source.ts'
import { isPublicAddress } from '../../src/artifacts/public-address.ts'
import { openArtifacts } from '../../src/artifacts/store.ts'
import type { ArtifactFile } from '../../src/postgres/tables.ts'
import { sha256 } from '../support/catalog.ts'

const fixture = (name: string) => readFile(join(import.meta.dirname, '../fixtures', name))
let certificate: Buffer
let key: Buffer

beforeAll(async () => {
  certificate = await fixture('localhost-cert.pem')
  key = await fixture('localhost-key.pem')
  setDefaultCACertificates([...getCACertificates('default'), String(certificate)])
})
afterAll(() => setDefaultCACertificates(getCACertificates('bundled')))

/** An https server that anybody on this machine reaches as localhost; answers its port. */
async function serve(answer: RequestListener): Promise<number> {
  const server: Server = createServer({ cert: certificate, key }, answer)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as { port: number }).port
}

const payload = Buffer.from('a model file, as it were\n'.repeat(40_000))
const fileFrom = async (sources: string[], data: Buffer<ArrayBuffer> = payload) => ({
  files: [{ name: 'encoder', sources, sha256: await sha256(data), size: data.length }],
})

async function openStore(privateSources = true) {
  const dataDir = await mkdtemp(join(tmpdir(), 'artifacts-'))
  return { dataDir, kept: () => readdir(join(dataDir, 'artifacts')), ...(await openArtifacts({ dataDir, privateSources })) }
}

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => ({ code: 'none', message: '', isLasting: false }),
    ({ code, message, isLasting }: { code: string; message: string; isLasting: boolean }) => ({ code, message, isLasting }),
  )

test('fetching downloads a file over https with progress, and the next fetch reads the store', async () => {
  let requests = 0
  const port = await serve((_, response) => {
    requests++
    response.end(payload)
  })
  const store = await openStore()
  const model = await fileFrom([`https://localhost:${port}/encoder.onnx`])
  const told: number[] = []
  const { encoder } = await store.fetch(model, { onProgress: (bytes) => told.push(bytes) })
  expect(await readFile(encoder as string)).toEqual(payload)
  expect(told.at(-1)).toBe(payload.length)
  expect(told.length).toBeGreaterThan(2)
  expect(told).toEqual(told.toSorted((a, b) => a - b))
  await store.fetch(model)
  expect(requests).toBe(1)
})

test('fetching tries the next source when a source does not have the file', async () => {
  const port = await serve((request, response) => (request.url === '/gone' ? response.writeHead(404).end() : response.end(payload)))
  const store = await openStore()
  const { encoder } = await store.fetch(await fileFrom(['npm:no-such-package/x', `https://localhost:${port}/gone`, `https://localhost:${port}/here`]))
  expect(encoder).toBeDefined()
  expect(await store.kept()).toHaveLength(1)
})

test('concurrent fetches of one file share a download, across processes too', async () => {
  let requests = 0
  const port = await serve((_, response) => {
    requests++
    response.write(payload.subarray(0, 1000))
    setTimeout(() => response.end(payload.subarray(1000)), 400)
  })
  const here = await openStore()
  // A second store on the same directory knows of the first only what lies on the disk, as another process would.
  const there = await openArtifacts({ dataDir: here.dataDir, privateSources: true })
  const model = await fileFrom([`https://localhost:${port}/x`])
  await Promise.all([...Array.from({ length: 20 }, () => here.fetch(model)), ...Array.from({ length: 20 }, () => there.fetch(model))])
  expect(requests).toBe(1)
  expect(await here.kept()).toHaveLength(1)
})

test('an aborted fetch leaves shared downloads running, and the last abort removes the partial file', async () => {
  const port = await serve((_, response) => {
    response.write(payload.subarray(0, 1000))
    setTimeout(() => response.end(payload.subarray(1000)), 500)
  })
  const store = await openStore()
  const model = await fileFrom([`https://localhost:${port}/x`])
  const leaving = new AbortController()
  const left = store.fetch(model, { signal: leaving.signal })
  const staying = store.fetch(model)
  leaving.abort(new Error('canceled'))
  await expect(left).rejects.toThrow('canceled')
  expect(await staying).toHaveProperty('encoder')

  const other = await openStore()
  const all = new AbortController()
  const alone = other.fetch(model, { signal: all.signal, onProgress: () => all.abort(new Error('canceled')) })
  await expect(alone).rejects.toThrow('canceled')
  await expect.poll(() => other.kept()).toEqual([])
})

test('a fetch that is aborted between two files causes no later failure', async () => {
  const port = await serve((_, response) => response.end(payload))
  const store = await openStore()
  const [first] = (await fileFrom([`https://localhost:${port}/1`])).files
  const other = Buffer.from('another file')
  const [second] = (await fileFrom([`https://localhost:${port}/2`], other)).files
  const leaving = new AbortController()
  const onProgress = (bytes: number) => bytes >= payload.length && leaving.abort(new Error('canceled'))
  // A rejection that nobody hears would end the process, and with it this test.
  await expect(store.fetch({ files: [first, second].flatMap((file) => file ?? []) }, { signal: leaving.signal, onProgress })).rejects.toThrow('canceled')
})

test('a download that takes too long fails for good', async () => {
  const port = await serve((_, response) => {
    const drip = setInterval(() => response.write('drop'), 20)
    response.on('close', () => clearInterval(drip))
  })
  const [file] = (await fileFrom([`https://localhost:${port}/x`])).files
  const dir = await mkdtemp(join(tmpdir(), 'artifacts-'))
  const bringing = bringFile(file as ArtifactFile, join(dir, 'x'), {
    tell: () => {},
    signal: new AbortController().signal,
    privateSources: true,
    maxMs: 300,
  })
  expect(await failureOf(bringing)).toMatchObject({ code: 'SOURCE_TOO_SLOW', isLasting: true })
  expect(await readdir(dir)).toEqual([])
})

test('the store ignores and removes partial files of killed processes', async () => {
  const store = await openStore()
  const model = await fileFrom([`file://${join(store.dataDir, 'source')}`])
  const [file] = model.files
  await writeFile(join(store.dataDir, 'source'), payload)
  await writeFile(join(store.dataDir, 'artifacts', `${file?.sha256}.dead.partial`), payload.subarray(0, 10))
  const later = await openArtifacts({ dataDir: store.dataDir, privateSources: false })
  expect(await store.kept()).toEqual([])
  await later.fetch(model)
  expect(await store.kept()).toEqual([file?.sha256])
})

describe('failures of a source', () => {
  test.each([
    ['503', (response: Parameters<RequestListener>[1]) => response.writeHead(503).end(), 'SOURCE_UNREACHABLE', false],
    ['404', (response: Parameters<RequestListener>[1]) => response.writeHead(404).end(), 'ARTIFACT_MISSING', true],
    [
      'a connection that breaks',
      (response: Parameters<RequestListener>[1]) => void response.write('a mo', () => response.destroy()),
      'SOURCE_UNREACHABLE',
      false,
    ],
    ['a body that is too long', (response: Parameters<RequestListener>[1]) => response.end(Buffer.concat([payload, payload])), 'ARTIFACT_SIZE_MISMATCH', true],
    ['another file', (response: Parameters<RequestListener>[1]) => response.end(Buffer.alloc(payload.length)), 'ARTIFACT_CHECKSUM_MISMATCH', true],
  ])('fetching reports the right kind of failure for a source that responds with %s', async (_, answer, code, isLasting) => {
    const port = await serve((_request, response) => void answer(response))
    const store = await openStore()
    expect(await failureOf(store.fetch(await fileFrom([`https://localhost:${port}/x`])))).toMatchObject({ code, isLasting })
    expect(await store.kept()).toEqual([])
  })
})

describe('private addresses', () => {
  const options = { privateSources: false, signal: new AbortController().signal }

  test.each(['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '10.0.0.1', '169.254.169.254', '[fe80::1]', '[fd00::1]', '0.0.0.0', '2130706433', '0x7f.1', '127.1'])(
    'a source at https://%s/ is refused before a request',
    async (host) => {
      expect(await failureOf(openHttps(`https://${host}:9/x`, options))).toMatchObject({ code: 'SOURCE_FORBIDDEN', isLasting: true })
    },
  )

  test('a host name with a private address is refused at its look-up', async () => {
    let requests = 0
    const port = await serve((_, response) => {
      requests++
      response.end(payload)
    })
    expect(await failureOf(openHttps(`https://localhost:${port}/x`, options))).toMatchObject({ code: 'SOURCE_FORBIDDEN' })
    expect(requests).toBe(0)
  })

  test.each(['http://localhost/x', 'file:///etc/passwd', 'ftp://localhost/x', 'https://name:word@localhost/x', 'http:'])(
    'a source does not follow a redirect to %s',
    async (location) => {
      const port = await serve((_, response) => response.writeHead(302, { location }).end())
      expect(await failureOf(openHttps(`https://localhost:${port}/x`, { ...options, privateSources: true }))).toMatchObject({ code: 'SOURCE_FORBIDDEN' })
    },
  )

  test('a source follows a limited number of redirects', async () => {
    const port = await serve((request, response) => {
      const left = Number(request.url?.slice(1))
      if (left === 0) response.end(payload)
      else response.writeHead(302, { location: `/${left < 0 ? left : left - 1}` }).end()
    })
    const asking = (path: string) => openHttps(`https://localhost:${port}/${path}`, { ...options, privateSources: true })
    const response = await asking('3')
    expect(response.statusCode).toBe(200)
    response.destroy()
    expect(await failureOf(asking('-1'))).toMatchObject({ code: 'SOURCE_FORBIDDEN' })
  })

  test('a server without TLS is refused as a source', async () => {
    const server = createHttpServer((_, response) => response.end(payload))
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    onTestFinished(() => void server.close())
    const { port } = server.address() as { port: number }
    expect(await failureOf(openHttps(`https://localhost:${port}/x`, { ...options, privateSources: true }))).toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      isLasting: false,
    })
  })

  test.each([
    ['8.8.8.8', true],
    ['2606:4700::1111', true],
    ['100.64.0.1', false],
    ['192.168.1.1', false],
    ['172.31.255.255', false],
    ['172.32.0.1', true],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['::', false],
    ['::ffff:10.0.0.1', false],
    ['64:ff9b::a00:1', false],
    ['2002:7f00:1::', false],
    ['fe80::1%eth0', false],
    ['no address', false],
  ])('isPublicAddress of %s is %s', (address, expected) => {
    expect(isPublicAddress(address)).toBe(expected)
  })
})
