import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { z } from 'zod'
import { JobFailure } from '../lifecycle/job-failure.ts'
import { childEnvironment } from '../sandbox/child-environment.ts'
import { extractFiles } from './archive.ts'

export interface PackageOptions {
  /** The configured registry. When omitted, npm supplies the registry. */
  npmRegistry?: string | undefined
  /** Called with the received share of the package, 0 to 1. */
  arriving?: (share: number) => void
  signal: AbortSignal
}

const maxPackageBytes = 1e9
const maxFileBytes = 1e9
const responseMs = 30_000
/** The time for which a package is kept after the last read of a file. */
const keptMs = 60_000

const version = z.object({ dist: z.object({ tarball: z.string(), integrity: z.string() }) })

/** Opens one file of a package that need not be installed: `<name>@<version>/<path>`. */
export async function openPackageFile(source: string, options: PackageOptions): Promise<NodeJS.ReadableStream> {
  const [, spec = '', path = ''] = /^((?:@[^/]+\/)?[^/@]+@[^/]+)\/(.+)$/.exec(source) ?? []
  const tarball = await keepPackage(spec, options)
  const file = temporaryFile()
  try {
    const found = await extractFiles({ archive: tarball, paths: { [`package/${path}`]: file }, by: 'PATH', maxFileBytes }, options.signal)
    if (!found.size) throw new JobFailure('ARTIFACT_MISSING', `The package ${spec} has no file ${path}. Correct the catalog entry.`, { isLasting: true })
  } catch (error) {
    await rm(file, { force: true })
    throw error
  }
  const stream = createReadStream(file)
  stream.once('close', () => void rm(file, { force: true }))
  return stream
}

const temporaryFile = () => join(tmpdir(), `custom-speech-${randomUUID()}`)
const kept = new Map<string, { path: Promise<string>; timer?: NodeJS.Timeout }>()

async function keepPackage(spec: string, options: PackageOptions): Promise<string> {
  const key = `${options.npmRegistry} ${spec}`
  const known = kept.get(key) ?? { path: fetchToTemporary(spec, options) }
  kept.set(key, known)
  const forget = async () => {
    if (kept.get(key) === known) kept.delete(key)
    await known.path.then((path) => rm(path, { force: true })).catch(() => {})
  }
  known.path.catch(forget)
  const path = await known.path
  clearTimeout(known.timer)
  known.timer = setTimeout(forget, keptMs).unref()
  return path
}

async function fetchToTemporary(spec: string, options: PackageOptions): Promise<string> {
  const path = temporaryFile()
  try {
    await fetchPackage(spec, path, options)
    return path
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}

/** Fetches the .tgz of a package from the registry that npm uses, and checks its integrity as npm does. */
export async function fetchPackage(spec: string, path: string, { npmRegistry, arriving, signal }: PackageOptions): Promise<void> {
  const registry = npmRegistry ?? (await askNpm())
  const at = spec.lastIndexOf('@')
  const [name, wanted] = [spec.slice(0, at), spec.slice(at + 1)]
  const about = await ask(new URL(`${name.replace('/', '%2f')}/${wanted}`, registry), spec, AbortSignal.any([signal, AbortSignal.timeout(responseMs)]))
  const parsed = version.safeParse(await about.json().catch(() => undefined))
  if (!parsed.success) throw refuse(`The response of the registry about ${spec} is invalid`, true)
  const { tarball, integrity } = parsed.data.dist
  const [algorithm, digest] = split(integrity)
  // A registry that mirrors another one can list URLs of the other one.
  const address = new URL(tarball)
  const response = await ask(new URL(`${address.pathname}${address.search}`, registry), spec, signal)
  const total = Number(response.headers.get('content-length') ?? 0)
  const hash = createHash(algorithm)
  let size = 0
  const counted = async function* (pieces: AsyncIterable<Uint8Array>) {
    for await (const piece of pieces) {
      size += piece.length
      if (size > maxPackageBytes) throw refuse(`The package ${spec} has more than ${maxPackageBytes / 1e6} MB`, true)
      hash.update(piece)
      if (total) arriving?.(Math.min(1, size / total))
      yield piece
    }
  }
  try {
    await pipeline(Readable.fromWeb(response.body as never), counted, createWriteStream(path, { flush: true }), { signal })
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof JobFailure || ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    throw refuse(`The package ${spec} did not come whole`, false, error)
  }
  if (hash.digest('base64') !== digest) throw refuse(`The package ${spec} is not the one that the registry describes: its checksum differs`, true)
}

async function ask(url: URL, spec: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal }).catch((error) => {
    throw refuse(`The npm registry cannot be reached for ${spec}`, false, error)
  })
  if (response.ok && response.body) return response
  await response.body?.cancel()
  if (response.status === 404) throw refuse(`The npm registry has no package ${spec}`, true)
  throw refuse(`The npm registry responded with ${response.status} for ${spec}`, response.status < 500 && response.status !== 429)
}

function split(integrity: string): [algorithm: string, digest: string] {
  const [, algorithm, digest] = /(?:^|\s)(sha512|sha384|sha256)-([A-Za-z0-9+/=]+)/.exec(integrity) ?? []
  if (!algorithm || !digest) throw refuse('The registry lists no SHA-2 checksum', true)
  return [algorithm, digest]
}

/** The environment variables that npm reads its settings from. */
const npmSettings = [
  'npm_config_registry',
  'npm_config_userconfig',
  'npm_config_globalconfig',
  'npm_config_prefix',
  'NPM_CONFIG_REGISTRY',
  'NPM_CONFIG_USERCONFIG',
]

async function askNpm(): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', ['config', 'get', 'registry'], {
    timeout: responseMs,
    shell: process.platform === 'win32',
    env: childEnvironment(npmSettings),
  }).catch((cause) => {
    throw refuse('npm, which supplies the registry, cannot be run; set npm_config_registry', true, cause)
  })
  const registry = stdout.trim()
  if (!URL.canParse(registry)) throw refuse('npm has no valid registry; set npm_config_registry', true)
  return registry.endsWith('/') ? registry : `${registry}/`
}

const refuse = (reason: string, isLasting: boolean, cause?: unknown) =>
  new JobFailure(isLasting ? 'PACKAGE_UNUSABLE' : 'SOURCE_UNREACHABLE', `${reason}.${isLasting ? '' : ' Try again later.'}`, {
    isLasting,
    cause,
  })
