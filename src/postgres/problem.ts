/** The database cannot be reached or used; the message says what to check. */
export class DatabaseError extends Error {}

/** Something about this machine keeps the embedded Postgres from starting; the message says what to change. */
export class EmbeddedPostgresError extends Error {}

interface ServerError extends Error {
  code?: string
  severity?: string
}

/** Certificates that Node does not accept. */
const tlsCodes = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|^ERR_(TLS|SSL)/

/** Turns what went wrong while the database was opened into words; what cannot be foreseen is returned as it came. */
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
    return `The database's host ${host} is unknown (${code}). Correct the host in DATABASE_URL, or this machine's DNS.`
  if (code === 'ECONNREFUSED')
    return `Cannot reach the database: nothing listens at ${server}. Check host and port in DATABASE_URL and that Postgres is running.`
  if (code === 'ENOENT' || code === 'EACCES')
    return `Cannot reach the database at the socket ${server} (${code}). Check DATABASE_URL and that Postgres is running.`
  if (/does not support SSL/.test(message)) return 'The database server does not support TLS. Turn TLS on there, or remove sslmode from DATABASE_URL.'
  if (tlsCodes.test(code))
    return `The database's TLS certificate is not accepted (${code}). Name its authority with sslrootcert=<file> in DATABASE_URL, or use sslmode=no-verify to encrypt without checking it.`
  if (/timeout/i.test(message) || code === 'ETIMEDOUT')
    return `Cannot reach the database: ${server} does not answer. Check host and port in DATABASE_URL, and that no firewall drops the packets.`
  if (code || /^Connection terminated|^timeout expired/.test(message))
    return `Cannot reach the database at ${server} (${code || said}). Check DATABASE_URL and that Postgres is running.`
  return undefined
}

function explainServer(code: string, said: string, { server, database, user }: { server: string; database: string; user: string }): string | undefined {
  if (code === '28P01' || /password authentication failed/.test(said))
    return `The database refuses the password of the user "${user}". Correct user and password in DATABASE_URL; special characters must be percent-encoded.`
  if (/no encryption|SSL off|SSL required/.test(said))
    return `The database accepts encrypted connections only. Add sslmode=verify-full to DATABASE_URL, or sslmode=no-verify to encrypt without checking the certificate. (${said}.)`
  if (code === '28000') return `The database does not let the user "${user}" in: ${said}. Check the user in DATABASE_URL, and pg_hba.conf on the server.`
  if (code === '3D000' || /no such database/.test(said))
    return `The database "${database}" does not exist at ${server}. Create it (CREATE DATABASE "${database}"), or correct its name in DATABASE_URL.`
  if (code === '42501')
    return `The database user "${user}" may not create what is missing in "${database}": ${said}. Let DATABASE_URL name the owner of the database, or grant the right (GRANT CREATE ON DATABASE "${database}" TO "${user}"; GRANT CREATE ON SCHEMA public TO "${user}").`
  if (/^extension .* is not available$/.test(said))
    return `The database server lacks a part of Postgres: ${said}. Install the package postgresql-contrib of its version there, then start again.`
  if (code.startsWith('53') && code !== '53100')
    return `The database has too many connections: ${said}. One process uses up to 12; raise max_connections, or stop what does not need its connections, then start again.`
  if (code === '53100') return `The database's disk is full: ${said}. Make room, then start again.`
  if (code === '25006') return 'The database is read-only, as a standby server is. Let DATABASE_URL name the primary server.'
  if (code.startsWith('57P')) return `The database is starting or stopping: ${said}. Start again when it is up.`
  if (code === '08P01')
    return `The database, or the pooler before it, refuses the connection: ${said}. Check DATABASE_URL; PgBouncer works with pool_mode = session.`
  return undefined
}
