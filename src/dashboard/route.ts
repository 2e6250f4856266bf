// Where the page is: its path and search, and the ways to change them.
import { type ComponentProps, createElement, useSyncExternalStore } from 'react'
import { currentPath, toAddress } from './base.ts'

const moved = 'moved'

/** Goes somewhere; `state` is for the page that comes, and only for it. */
export function navigate(to: string, { replace = false, state = null }: { replace?: boolean; state?: object | null } = {}) {
  if (replace) history.replaceState(state ?? history.state, '', toAddress(to))
  else history.pushState(state, '', toAddress(to))
  window.dispatchEvent(new Event(moved))
  if (!replace) window.scrollTo(0, 0)
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

/** The search parameters, and a way to change some of them; undefined and '' leave one out. */
export function useSearch(): [URLSearchParams, (changes: Record<string, string | undefined>) => void] {
  const text = useSyncExternalStore(watch, () => location.search)
  const search = new URLSearchParams(text)
  return [search, (changes) => navigate(withSearch(currentPath(), search, changes), { replace: true })]
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
