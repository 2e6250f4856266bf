// Where the page is: its path and search, and the ways to change them.
import { type ComponentProps, createElement, useSyncExternalStore } from 'react'
import { currentPath, toAddress } from './base.ts'

const moved = 'moved'

let shownPath = currentPath()
let hasArrived = false

/** Notes that another page comes, in whatever way. */
function notice(): boolean {
  const isOther = currentPath() !== shownPath
  shownPath = currentPath()
  hasArrived ||= isOther
  return isOther
}
window.addEventListener('popstate', notice)

/** True once after each change of the page: its heading then takes the focus. */
export function takeArrival(): boolean {
  const arrived = hasArrived
  hasArrived = false
  return arrived
}

/** Goes somewhere; `state` is for the page that comes, and only for it. */
export function navigate(to: string, { replace = false, state = null }: { replace?: boolean; state?: object | null } = {}) {
  if (replace) history.replaceState(state ?? history.state, '', toAddress(to))
  else history.pushState(state, '', toAddress(to))
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
  return useSyncExternalStore(watch, currentPath)
}

/** Undefined and '' leave a parameter out. With `push`, the browser's Back button leads to the state before. */
type ChangeSearch = (changes: Record<string, string | undefined>, options?: { push?: boolean }) => void

/** The search parameters, and a way to change some of them. */
export function useSearch(): [URLSearchParams, ChangeSearch] {
  const text = useSyncExternalStore(watch, () => location.search)
  const search = new URLSearchParams(text)
  return [search, (changes, { push = false } = {}) => navigate(withSearch(currentPath(), search, changes), { replace: !push })]
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
export function Link({ href, onClick, ...rest }: ComponentProps<'a'> & { href: string }) {
  return createElement('a', {
    ...rest,
    href: toAddress(href),
    onClick: (event: React.MouseEvent<HTMLAnchorElement>) => {
      onClick?.(event)
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
      event.preventDefault()
      navigate(href)
    },
  })
}
