import type { ReactNode } from 'react'
import { PageHeading } from './heading.tsx'

/** Replaces a page that cannot be shown: the reason and the next step. */
export function ProblemPage({ title, message, again, children }: { title: string; message: string; again?: (() => void) | undefined; children?: ReactNode }) {
  return (
    <section className="empty">
      <PageHeading>{title}</PageHeading>
      <p role="alert">{message}</p>
      {again && (
        <button type="button" className="button" onClick={() => again()}>
          Try again
        </button>
      )}
      {children}
    </section>
  )
}

export function Loading() {
  return (
    <div className="loading" role="status">
      <span className="hidden">Loading…</span>
    </div>
  )
}
