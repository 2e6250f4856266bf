// The path and search of the page, and the functions that change them.
import { type ComponentProps, createElement, useSyncExternalStore } from 'react'
import { currentPath, withBase } from './base.ts'

const moved = 'moved'

/** Asks before the page is left; `leave` continues the navigation. */
type LeaveGuard = (leave: () => void) => void

/** The location that is shown. While a guard asks, the browser's address can differ for a moment. */
let shown = read()
let hasArrived = false
let guard: LeaveGuard | undefined
/** True during a step of the history that the guard has allowed. */
let isLeaving = false

function read() {
  return { path: currentPath(), search: location.search, index: toIndex(history.state) }
}

/** The index that `navigate` stores in a history entry; undefined for a jump within the page. */
function toIndex(state: unknown): number | undefined {
  return (state as { index?: number } | null)?.index
}

if (shown.index === undefined) {
  history.replaceState({ ...history.state, index: 0 }, '')
  shown = read()
}

/** Reads the location again; returns true if it is another page. */
function update(): boolean {
  const before = shown
  shown = read()
  const isOther = shown.path !== before.path
  hasArrived ||= isOther
  return isOther
}

/** Runs before all other listeners of the event, so that they do not see a step which the guard stops. */
function step(event: PopStateEvent) {
  const { path, search, index } = read()
  const before = shown.index ?? 0
  if (index === undefined) history.replaceState({ ...history.state, index: before + 1 }, '')
  const isOther = path !== shown.path || search !== shown.search
  if (!guard || isLeaving || !isOther) {
    isLeaving = false
    update()
    return
  }
  event.stopImmediatePropagation()
  const steps = (index ?? before + 1) - before
  history.go(-steps)
  guard(() => {
    isLeaving = true
    history.go(steps)
  })
}
window.addEventListener('popstate', step)

/** Calls `ask` before a link or a step of the history leaves the page. Returns a function that removes the guard. */
export function guardLeaving(ask: LeaveGuard): () => void {
  guard = ask
  return () => {
    if (guard === ask) guard = undefined
  }
}

/** Returns true once after each change of the page, whose heading then takes the focus. */
export function takeArrival(): boolean {
  const arrived = hasArrived
  hasArrived = false
  return arrived
}

interface Navigation {
  replace?: boolean
  /** The state of the new history entry. */
  state?: object | null
  /** Skips the guard. */
  isDecided?: boolean
}

export function navigate(to: string, { replace = false, state = null, isDecided = false }: Navigation = {}) {
  if (guard && !isDecided && !replace) return guard(() => navigate(to, { state, isDecided: true }))
  if (replace) history.replaceState({ ...(state ?? history.state), index: shown.index }, '', withBase(to))
  else history.pushState({ ...state, index: (shown.index ?? 0) + 1 }, '', withBase(to))
  const isOther = update()
  window.dispatchEvent(new Event(moved))
  if (isOther) window.scrollTo(0, 0)
}

function watch(changed: () => void) {
  const names = ['popstate', moved]
  for (const name of names) window.addEventListener(name, changed)
  return () => {
    for (const name of names) window.removeEventListener(name, changed)
  }
}

export function usePath(): string {
  return useSyncExternalStore(watch, () => shown.path)
}

/** Undefined and '' remove a parameter. With `push`, the change is a step for the browser's Back button. */
type ChangeSearch = (changes: Record<string, string | undefined>, options?: { push?: boolean }) => void

/** The search parameters, and a function that changes some of them. */
export function useSearch(): [URLSearchParams, ChangeSearch] {
  const text = useSyncExternalStore(watch, () => shown.search)
  const search = new URLSearchParams(text)
  return [search, (changes, { push = false } = {}) => navigate(withSearch(shown.path, search, changes), { replace: !push })]
}

function withSearch(path: string, search: URLSearchParams, changes: Record<string, string | undefined>): string {
  const next = new URLSearchParams(search)
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value)
    else next.delete(name)
  }
  return next.size ? `${path}?${next}` : path
}

/** A link within the dashboard. It has an address for new tabs and for copying, and does not reload the page. */
export function Link({ href, onClick, isDecided = false, ...rest }: ComponentProps<'a'> & { href: string; isDecided?: boolean }) {
  return createElement('a', {
    ...rest,
    href: withBase(href),
    onClick: (event: React.MouseEvent<HTMLAnchorElement>) => {
      onClick?.(event)
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
      event.preventDefault()
      navigate(href, { isDecided })
    },
  })
}
