// Where the page is: its path and search, and the ways to change them.
import { type ComponentProps, createElement, useSyncExternalStore } from 'react'
import { currentPath, withBase } from './base.ts'

const moved = 'moved'

/** Asks before the page is left; `leave` goes on to the other one. */
type LeaveGuard = (leave: () => void) => void

/** What is shown. While a guard asks, the browser's address can be another one for a moment. */
let shown = read()
let hasArrived = false
let guard: LeaveGuard | undefined
/** True while a step of the history is under way that the guard has let pass. */
let isLeaving = false

function read() {
  return { path: currentPath(), search: location.search, index: toIndex(history.state) }
}

/** The place of an entry in the history, as `navigate` notes it; undefined for a jump within the page. */
function toIndex(state: unknown): number | undefined {
  return (state as { index?: number } | null)?.index
}

if (shown.index === undefined) {
  history.replaceState({ ...history.state, index: 0 }, '')
  shown = read()
}

/** Notes that another page comes, in whatever way. */
function notice(): boolean {
  const before = shown
  shown = read()
  const isOther = shown.path !== before.path
  hasArrived ||= isOther
  return isOther
}

/** Runs before all listeners of this event: a step that the guard holds back is not seen by any of them. */
function step(event: PopStateEvent) {
  const { path, search, index } = read()
  const before = shown.index ?? 0
  if (index === undefined) history.replaceState({ ...history.state, index: before + 1 }, '')
  const isOther = path !== shown.path || search !== shown.search
  if (!guard || isLeaving || !isOther) {
    isLeaving = false
    notice()
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

/** Asks before the page is left by a link or a step in the history. Returns the way to end that. */
export function guardLeaving(ask: LeaveGuard): () => void {
  guard = ask
  return () => {
    if (guard === ask) guard = undefined
  }
}

/** True once after each change of the page: its heading then takes the focus. */
export function takeArrival(): boolean {
  const arrived = hasArrived
  hasArrived = false
  return arrived
}

interface Navigation {
  replace?: boolean
  /** For the page that comes, and only for it. */
  state?: object | null
  /** Goes without the question of a guard. */
  isDecided?: boolean
}

export function navigate(to: string, { replace = false, state = null, isDecided = false }: Navigation = {}) {
  if (guard && !isDecided && !replace) return guard(() => navigate(to, { state, isDecided: true }))
  if (replace) history.replaceState({ ...(state ?? history.state), index: shown.index }, '', withBase(to))
  else history.pushState({ ...state, index: (shown.index ?? 0) + 1 }, '', withBase(to))
  const isOther = notice()
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

/** Undefined and '' leave a parameter out. With `push`, the browser's Back button leads to the state before. */
type ChangeSearch = (changes: Record<string, string | undefined>, options?: { push?: boolean }) => void

/** The search parameters, and a way to change some of them. */
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

/** A link within the dashboard: a real one, for new tabs and for copying, that does not load the page anew. */
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
