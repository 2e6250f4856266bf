// Pages that are not part of the first load.
import { type ComponentType, lazy, useEffect, useState } from 'react'
import { withBase } from './base.ts'
import { Problem } from './parts/problem.tsx'

/** By then the first page is up. Once the other pages are fetched, they open without the network. */
const preloadAfterMs = 4000
const retryMs = 3000

/** A page with a file of its own, which is fetched when it is needed or when there is time. */
export function lazyPage<Props extends object>(load: () => Promise<{ default: ComponentType<Props> }>) {
  const preload = () => void load().catch(() => {})
  setTimeout(() => (window.requestIdleCallback ? window.requestIdleCallback(preload) : preload()), preloadAfterMs)
  return lazy(() => load().catch(() => ({ default: NotLoaded as ComponentType<Props> })))
}

const reloaded = 'reloaded'

/** The file is missing: the network is away, or the server has another build by now, which a reload brings. */
function NotLoaded() {
  const [tries, setTries] = useState(0)
  // A reload that did not help is not repeated automatically.
  const [mayReload] = useState(() => Date.now() - Number(sessionStorage.getItem(reloaded) ?? 0) > 30_000)
  useEffect(() => {
    if (!mayReload && !tries) return
    const ending = new AbortController()
    const look = async () => {
      const response = await fetch(withBase('/icon.svg'), { signal: ending.signal, cache: 'no-store' }).catch(() => undefined)
      if (!response?.ok || ending.signal.aborted) return
      sessionStorage.setItem(reloaded, String(Date.now()))
      location.reload()
    }
    void look()
    const timer = setInterval(look, retryMs)
    return () => {
      ending.abort()
      clearInterval(timer)
    }
  }, [mayReload, tries])
  return (
    <Problem
      title="This page can’t be loaded"
      message="The server does not answer. This page tries again automatically."
      again={() => setTries((count) => count + 1)}
    />
  )
}
