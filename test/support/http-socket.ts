// A TCP connection for HTTP requests that a test writes byte by byte.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export const portOf = ({ localUrl }: { localUrl: string }) => Number(new URL(localUrl).port)

/** Opens a connection that stays readable after the end of its writing side. */
export async function openHttpSocket(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}
