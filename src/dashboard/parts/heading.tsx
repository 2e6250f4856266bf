import { type ReactNode, useEffect, useRef } from 'react'
import { takeArrival } from '../route.ts'

/** The heading of a page. After a navigation it takes the focus, so that screen readers read it. */
export function PageHeading({ children }: { children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (takeArrival()) heading.current?.focus({ preventScroll: true })
  }, [])
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  )
}
