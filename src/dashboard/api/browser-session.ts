// Signs in and out. The server exchanges a key for a session, whose token is in a cookie that scripts cannot read.

import { base, withBase } from '../base.ts'

/** The server accepts the cookie only with this header, because forms of other pages cannot send it. */
export const ownHeaders = { 'x-requested-with': 'dashboard' }

/** Longer than the server's statement timeout of 15 s, after which it answers 503. */
const answerTimeoutMs = 20_000

/** Resolves with undefined after success, otherwise with the problem as a sentence. */
export async function signIn(key: string): Promise<string | undefined> {
  try {
    const response = await fetch(withBase('/session'), {
      method: 'POST',
      headers: { ...ownHeaders, 'content-type': 'application/json' },
      body: JSON.stringify({ key }),
      signal: AbortSignal.timeout(answerTimeoutMs),
    })
    if (response.ok) return undefined
    const { message } = (await response.json()) as { message: string }
    return message
  } catch {
    return 'The server does not answer. Check that it is running, then try again.'
  }
}

/** Leaves the page after success. Otherwise the session can continue, and the promise resolves with the problem as a sentence. */
export async function signOut(): Promise<string | undefined> {
  try {
    const response = await fetch(withBase('/session'), { method: 'DELETE', headers: ownHeaders, signal: AbortSignal.timeout(answerTimeoutMs) })
    // The session has already ended.
    if (!response.ok && response.status !== 401)
      return `You are still signed in: the server could not end the session (${response.status}). Try again in a moment.`
  } catch {
    return 'You may still be signed in: the server does not answer. Check that it is running, then try again.'
  }
  location.assign(base)
}

/** The key of a link such as /#key=…; removes it from the address bar. */
export function takeLinkedKey(): string | null {
  const key = new URLSearchParams(location.hash.slice(1)).get('key')
  if (key) history.replaceState(null, '', location.pathname + location.search)
  return key
}
