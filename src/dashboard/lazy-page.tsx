// Pages that are not part of the first load.
import { type ComponentType, lazy, useEffect, useState } from 'react'
import { withBase } from './base.ts'
import { ProblemPage } from './parts/problem.tsx'

/** The first page is complete by then. Pages that are preloaded open without the network. */
const preloadAfterMs = 4000
const retryMs = 3000

/** A page whose script is loaded when the page is opened, or earlier when the browser is idle. */
export function lazyPage<Props extends object>(load: () => Promise<{ default: ComponentType<Props> }>) {
  const preload = () => void load().catch(() => {})
  setTimeout(() => (window.requestIdleCallback ? window.requestIdleCallback(preload) : preload()), preloadAfterMs)
  return lazy(() => load().catch(() => ({ default: NotLoaded as ComponentType<Props> })))
}

const reloaded = 'reloaded'

/** Shown when the script cannot be loaded: the network is down, or the server has a newer build, which a reload loads. */
function NotLoaded() {
  const [tries, setTries] = useState(0)
  // Prevents a loop of reloads.
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
    <ProblemPage
      title="This page can’t be loaded"
      message="The server does not answer. This page tries again automatically."
      again={() => setTries((count) => count + 1)}
    />
  )
}
