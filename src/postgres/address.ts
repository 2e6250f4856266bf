import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls'
import { DatabaseError } from './problem.ts'
import { ConnectionLostError, NoAnswerError } from './unavailable.ts'

/** Where a Postgres is and how to log in there, as a URL says it. Parts that the URL leaves out come from PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE and PGSSLMODE. */
export interface Address {
  host: string
  port: number
  /** Of a Unix socket, instead of host and port. */
  path: string | undefined
  tls: TlsOptions | undefined
  login: { user?: string; password?: string; database?: string }
  /** Command-line options for the server, as the parameter `options` of the URL has them. */
  options: string | undefined
}

/** Reads a `postgres:` URL with the parameters `host`, `sslmode`, `sslrootcert`, `sslcert`, `sslkey` and `options`. */
export function parseAddress(text: string, env: NodeJS.ProcessEnv = process.env): Address {
  const url = new URL(text)
  const host = url.searchParams.get('host') ?? (decodeURIComponent(url.hostname).replace(/^\[(.+)\]$/, '$1') || env['PGHOST'] || 'localhost')
  const port = Number(url.port || env['PGPORT'] || 5432)
  const parts = { user: url.username, password: url.password, database: url.pathname.slice(1) }
  return {
    host,
    port,
    path: host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : undefined,
    tls: readTls(url.searchParams, env['PGSSLMODE']),
    login: Object.fromEntries(Object.entries(parts).flatMap(([name, value]) => (value ? [[name, decodeURIComponent(value)]] : []))),
    options: url.searchParams.get('options') ?? undefined,
  }
}

/** Every mode but `disable` and `no-verify` checks the certificate and the name in it. */
function readTls(params: URLSearchParams, usualMode: string | undefined): TlsOptions | undefined {
  const mode = params.get('sslmode') ?? usualMode
  const names = ['sslrootcert', 'sslcert', 'sslkey'] as const
  const isOn = ['true', '1'].includes(params.get('ssl') ?? '') || Boolean(mode || names.some((name) => params.get(name)))
  if (!isOn || mode === 'disable') return undefined
  const [ca, cert, key] = names.map((name) => readPem(name, params.get(name)))
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), rejectUnauthorized: mode !== 'no-verify' }
}

function readPem(parameter: string, file: string | null): Buffer | undefined {
  try {
    return file ? readFileSync(file) : undefined
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new DatabaseError(`The file of ${parameter} in DATABASE_URL cannot be read (${code}). Set ${parameter} to the path of a PEM file.`)
  }
}

/** Length 8 and the number that asks a server for TLS. */
const tlsRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/** Opens a socket to the server, encrypted where the address says so. It fails when that takes longer than `limitMs`. */
export async function openSocket({ host, port, path, tls }: Address, limitMs: number): Promise<Socket> {
  const stopped = new AbortController()
  const { signal } = stopped
  const late = setTimeout(() => stopped.abort(new NoAnswerError()), limitMs)
  const plain = path === undefined ? connect({ host, port, noDelay: true }) : connect(path)
  plain.once('close', () => stopped.abort(new ConnectionLostError()))
  try {
    await once(plain, 'connect', { signal })
    if (!tls) return plain
    plain.write(tlsRequest)
    const [answer] = (await once(plain, 'data', { signal })) as [Buffer]
    if (answer.toString() !== 'S') throw new Error('The server does not support SSL connections')
    const encrypted = connectTls({ socket: plain, host, ...(isIP(host) ? {} : { servername: host }), ...tls })
    await once(encrypted, 'secureConnect', { signal })
    return encrypted
  } catch (error) {
    // An error that comes later has no other listener.
    plain.on('error', () => {}).destroy()
    throw signal.aborted && error instanceof Error && error.name === 'AbortError' ? signal.reason : error
  } finally {
    clearTimeout(late)
  }
}
