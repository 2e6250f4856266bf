import { type ReactNode, useEffect, useState } from 'react'
import { guardLeaving } from '../route.ts'
import { Confirm } from './confirm.tsx'

interface DraftGuardProps {
  /** True while leaving the page would lose entries. */
  isActive: boolean
  title?: string
  action?: string
  keep?: string
  children: ReactNode
}

/** Asks before a link or the browser's Back button leaves a page with unsaved entries. When the tab is closed, the browser asks. */
export function DraftGuard({ isActive, title = 'Discard your changes?', action = 'Discard', keep = 'Keep editing', children }: DraftGuardProps) {
  const [leave, setLeave] = useState<() => void>()
  useEffect(() => {
    if (!isActive) return
    const unguard = guardLeaving((go) => setLeave(() => go))
    const warn = (event: BeforeUnloadEvent) => event.preventDefault()
    window.addEventListener('beforeunload', warn)
    return () => {
      unguard()
      window.removeEventListener('beforeunload', warn)
    }
  }, [isActive])
  return (
    <Confirm isOpen={leave !== undefined} title={title} action={action} keep={keep} close={() => setLeave(undefined)} confirmed={() => leave?.()}>
      {children}
    </Confirm>
  )
}
