// A key becomes a session, whose token is in a cookie that no script can read; here the key only passes through.

import { base, withBase } from '../base.ts'

/** Sent with everything: without it the server does not accept the cookie, since forms of other pages cannot send it. */
export const ownHeaders = { 'x-requested-with': 'dashboard' }

/** Undefined when it worked; else the problem in words. */
export async function signIn(key: string): Promise<string | undefined> {
  try {
    const response = await fetch(withBase('/session'), {
      method: 'POST',
      headers: { ...ownHeaders, 'content-type': 'application/json' },
      body: JSON.stringify({ key }),
    })
    if (response.ok) return undefined
    const { message } = (await response.json()) as { message: string }
    return message
  } catch {
    return 'The server does not answer. Check that it is running, then try again.'
  }
}

/** Leaves the page when it worked; else answers the problem in words, and the session goes on. */
export async function signOut(): Promise<string | undefined> {
  try {
    const response = await fetch(withBase('/session'), { method: 'DELETE', headers: ownHeaders })
    // A session that is already over needs no ending.
    if (!response.ok && response.status !== 401)
      return `You are still signed in: the server could not end the session (${response.status}). Try again in a moment.`
  } catch {
    return 'You may still be signed in: the server does not answer. Check that it is running, then try again.'
  }
  location.assign(base)
}

/** The key of a link such as /#key=…, which leaves the address bar at once. */
export function takeLinkedKey(): string | null {
  const key = new URLSearchParams(location.hash.slice(1)).get('key')
  if (key) history.replaceState(null, '', location.pathname + location.search)
  return key
}
