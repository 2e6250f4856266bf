import { rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { inject, onTestFinished } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { startService } from '../../src/main.ts'
import { cloneDatabase, makeDirectory } from './postgres.ts'
import { createTestClient } from './service.ts'

/** Stands before Postgres: `cut` ends all connections, `reset` resets them, `close` also refuses new ones until `open`. */
export async function openProxy(target: string) {
  const url = new URL(target)
  const [port, host] = [Number(url.port), url.hostname]
  const sockets = new Set<Socket>()
  let isOpen = true
  const server = createServer((client) => {
    if (!isOpen) return void client.destroy()
    const upstream = connect(port, host)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  url.port = String((server.address() as { port: number }).port)
  return {
    url: url.href,
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    reset() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    close() {
      isOpen = false
      this.cut()
    },
    open() {
      isOpen = true
    },
    async end() {
      this.cut()
      await new Promise((closed) => server.close(closed))
    },
  }
}

/** A service for one test whose way to Postgres can be cut; its `databaseUrl` goes round the proxy. */
export async function startTestServiceBehindProxy(settings: Record<string, string> = {}) {
  const database = await cloneDatabase(inject('postgresUrl'))
  const proxy = await openProxy(database.url)
  const dataDir = await makeDirectory()
  const service = await startService(readConfig({ DATABASE_URL: proxy.url, DATA_DIR: dataDir, PORT: '0', RECOGNIZERS: '1', LOG_LEVEL: 'silent', ...settings }))
  const client = createTestClient(service.localUrl, service.key)
  onTestFinished(async () => {
    await client.dispose()
    await service.close()
    await proxy.end()
    await database.drop()
    await rm(dataDir, { recursive: true, force: true })
  })
  return { ...service, ...client, proxy, databaseUrl: database.url }
}
