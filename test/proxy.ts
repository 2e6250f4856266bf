import { connect, createServer, type Socket } from 'node:net'

/** Stands before Postgres: `cut` breaks all connections, `close` also refuses new ones until `open`. */
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
