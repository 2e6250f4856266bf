// One stream of all changes in the workspace. After a lost connection it resumes behind the last change that was
// received, so that no change is lost or repeated.
import { useEffect, useSyncExternalStore } from 'react'
import type { Client } from 'urql'
import { ChangesDocument, type ChangesSubscription, StartDocument, StillInDocument } from '../gql/graphql.ts'

export type ConnectionState = 'connecting' | 'live' | 'lost'

/** A change of a deployment, with the deployment after the change. */
export type LiveChange = Extract<ChangesSubscription['deploymentStatusChanged'], { __typename: 'DeploymentStatusChange' }>

type ChangeListener = (change: LiveChange) => void

const maxWaitMs = 4000

/** The state of the stream, and the listeners for changes. */
export class Live {
  connection: ConnectionState = 'connecting'
  readonly #listeners = new Set<ChangeListener>()
  readonly #watchers = new Set<() => void>()
  readonly #renewed = new Set<() => void>()
  #after = ''

  /** Follows the stream behind a cursor until `signal` aborts. Calls `lockedOut` and returns when the session is no longer valid. */
  async follow(api: Client, after: string, signal: AbortSignal, lockedOut: () => void): Promise<void> {
    this.#after = after
    for (let failures = 0; !signal.aborted; failures++) {
      const began = Date.now()
      const end = await this.#read(api, signal)
      if (signal.aborted) return
      if (end === 'cursor') await this.#restart(api)
      if (Date.now() - began > maxWaitMs) failures = 0
      this.#set('lost')
      await pause(Math.min(maxWaitMs, 250 * 2 ** failures), signal)
      // A refused socket has no reason, so a query finds it.
      const { error } = await api.query(StillInDocument, {}, { requestPolicy: 'network-only' })
      if (error?.response?.status === 401) return lockedOut()
    }
  }

  /** Called when the socket has been opened. */
  connected = () => this.#set('live')

  onChange(listener: ChangeListener) {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The listener is called when the stream is live again after a gap. */
  onRenewed(listener: () => void) {
    this.#renewed.add(listener)
    return () => void this.#renewed.delete(listener)
  }

  watch = (watcher: () => void) => {
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  #read(api: Client, signal: AbortSignal): Promise<'connection' | 'cursor'> {
    return new Promise((done) => {
      const stop = (end: 'connection' | 'cursor') => {
        subscription.unsubscribe()
        done(end)
      }
      const subscription = api.subscription(ChangesDocument, { after: this.#after }).subscribe(({ data, error, hasNext }) => {
        const change = data?.deploymentStatusChanged
        if (error) return stop('connection')
        if (change?.__typename === 'InvalidCursorError') return stop('cursor')
        if (change?.__typename === 'DeploymentStatusChange' && change.cursor !== this.#after) {
          this.#after = change.cursor
          for (const listener of this.#listeners) listener(change)
        }
        if (hasNext === false) stop('connection')
      })
      signal.addEventListener('abort', () => stop('connection'), { once: true })
    })
  }

  async #restart(api: Client) {
    const { data } = await api.query(StartDocument, { first: 1 }, { requestPolicy: 'network-only' })
    if (data) this.#after = data.deployments.changesCursor
  }

  #set(connection: ConnectionState) {
    if (this.connection === connection) return
    const wasLost = this.connection === 'lost'
    this.connection = connection
    for (const watcher of this.#watchers) watcher()
    if (wasLost && connection === 'live') for (const listener of this.#renewed) listener()
  }
}

/** Waits for `ms`, or until the network is back, the visibility of the page changes, or `signal` aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resume) => {
    const events = [
      [window, 'online'],
      [document, 'visibilitychange'],
      [signal, 'abort'],
    ] as const
    const go = () => {
      clearTimeout(timer)
      for (const [target, name] of events) target.removeEventListener(name, go)
      resume()
    }
    const timer = setTimeout(go, ms)
    for (const [target, name] of events) target.addEventListener(name, go)
  })
}

export function useConnection(live: Live): ConnectionState {
  return useSyncExternalStore(live.watch, () => live.connection)
}

/**
 * Calls `refresh` after changes that `concerns` selects and after a gap, at most once in half a second. The server
 * sorts and filters lists, so a list whose members change is read again.
 */
export function useRefresh(live: Live, concerns: (change: LiveChange) => boolean, refresh: () => void) {
  useEffect(() => {
    let waiting: ReturnType<typeof setTimeout> | undefined
    let last = 0
    const ask = () => {
      waiting ??= setTimeout(
        () => {
          waiting = undefined
          last = Date.now()
          refresh()
        },
        Math.max(50, 500 - (Date.now() - last)),
      )
    }
    const stops = [
      live.onChange((change) => {
        if (concerns(change)) ask()
      }),
      live.onRenewed(ask),
    ]
    return () => {
      clearTimeout(waiting)
      for (const stop of stops) stop()
    }
  }, [live, concerns, refresh])
}
