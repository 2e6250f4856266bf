// The audio of recordings. An audio element cannot send the header without which the server ignores the cookie.
import { withBase } from '../base.ts'
import { ownHeaders } from './browser-session.ts'

const path = '/test-sets/'

/** The part of the server's path, because PUBLIC_URL can differ from the address of this page. */
const onThisServer = (url: string) => withBase(url.slice(url.lastIndexOf(path)))

/** Rejects with a message for the user. */
export async function fetchRecording(url: string, signal: AbortSignal): Promise<Blob> {
  const response = await fetch(onThisServer(url), { headers: ownHeaders, signal }).catch(() => undefined)
  if (!response) throw new Error('The server does not answer. Check the connection, then try again.')
  if (response.ok) return response.blob()
  const { detail } = (await response.json().catch(() => ({}))) as { detail?: string }
  throw new Error(detail ?? `The server answered ${response.status}. Try again.`)
}
