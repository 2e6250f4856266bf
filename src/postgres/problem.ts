/** The database cannot be reached or used. The message says what to check. */
export class DatabaseError extends Error {}

/** The embedded Postgres cannot start on this machine. The message says what to change. */
export class EmbeddedPostgresError extends Error {}

interface ServerError extends Error {
  code?: string
  severity?: string
}

/** Certificates that Node does not accept. */
const tlsCodes = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|^ERR_(TLS|SSL)/

/** A DatabaseError for a known problem of opening the database; other errors are returned unchanged. */
export function explainDatabaseProblem(error: unknown, url: string): unknown {
  if (error instanceof DatabaseError) return error
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const words = explain(cause as ServerError, describeUrl(url))
    if (words) return new DatabaseError(words)
  }
  return error
}

function describeUrl(text: string) {
  const url = new URL(text)
  return {
    server: url.searchParams.get('host') ?? decodeURIComponent(url.host),
    host: decodeURIComponent(url.hostname),
    database: decodeURIComponent(url.pathname.slice(1) || url.username),
    user: decodeURIComponent(url.username),
  }
}

function explain({ code = '', severity, message }: ServerError, { server, host, database, user }: ReturnType<typeof describeUrl>): string | undefined {
  const said = message.replace(/\.$/, '')
  if (severity) return explainServer(code, said, { server, database, user })
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `The database host ${host} is unknown (${code}). Correct the host in DATABASE_URL, or the DNS of this machine.`
  if (code === 'ECONNREFUSED')
    return `Cannot reach the database: nothing listens at ${server}. Check host and port in DATABASE_URL, and that Postgres is running.`
  if (code === 'ENOENT' || code === 'EACCES')
    return `Cannot reach the database at the socket ${server} (${code}). Check DATABASE_URL, and that Postgres is running.`
  if (/does not support SSL/.test(message)) return 'The database server does not support TLS. Turn TLS on there, or remove sslmode from DATABASE_URL.'
  if (tlsCodes.test(code))
    return `The database's TLS certificate is not accepted (${code}). Name its authority with sslrootcert=<file> in DATABASE_URL, or use sslmode=no-verify to encrypt without checking it.`
  if (code === 'NO_ANSWER' || code === 'ETIMEDOUT')
    return `Cannot reach the database: ${server} does not answer. Check host and port in DATABASE_URL, and that no firewall drops the packets.`
  if (code)
    return `Cannot reach the database at ${server} (${code === 'CONNECTION_LOST' ? 'the connection was closed' : code}). Check DATABASE_URL and that Postgres is running.`
  return undefined
}

function explainServer(code: string, said: string, { server, database, user }: { server: string; database: string; user: string }): string | undefined {
  if (code === '28P01' || /password authentication failed/.test(said))
    return `The database refuses the password of the user "${user}". Correct user and password in DATABASE_URL; special characters must be percent-encoded.`
  if (/no encryption|SSL off|SSL required/.test(said))
    return `The database accepts encrypted connections only. Add sslmode=verify-full to DATABASE_URL, or sslmode=no-verify to encrypt without checking the certificate. (${said}.)`
  if (code === '28000') return `The database refuses the user "${user}": ${said}. Check the user in DATABASE_URL, and pg_hba.conf on the server.`
  if (code === '3D000' || /no such database/.test(said))
    return `The database "${database}" does not exist at ${server}. Create it (CREATE DATABASE "${database}"), or correct its name in DATABASE_URL.`
  if (code === '42501')
    return `The database user "${user}" has no permission to create tables in "${database}": ${said}. Set DATABASE_URL to the owner of the database, or grant the permission (GRANT CREATE ON DATABASE "${database}" TO "${user}"; GRANT CREATE ON SCHEMA public TO "${user}").`
  if (/^extension .* is not available$/.test(said))
    return `The database server lacks a part of Postgres: ${said}. Install the package postgresql-contrib of its version there, then start again.`
  if (code.startsWith('53') && code !== '53100')
    return `The database has too many connections: ${said}. Lower DATABASE_CONNECTIONS, raise max_connections on the server, or close other connections, then start again.`
  if (code === '53100') return `The disk of the database is full: ${said}. Free space, then start again.`
  if (code === '25006') return 'The database is read-only, as a standby server is. Set DATABASE_URL to the primary server.'
  if (code.startsWith('57P')) return `The database is starting or stopping: ${said}. Start again when the database is running.`
  if (code === '08P01')
    return `The database, or the pooler before it, refuses the connection: ${said}. Check DATABASE_URL; PgBouncer works with pool_mode = session.`
  return undefined
}
