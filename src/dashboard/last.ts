import { useState } from 'react'

/** The last known value: it stays on the page until the next one has been read, or when none can be. */
export function useLast<T>(value: T | undefined): T | undefined {
  const [last, setLast] = useState(value)
  if (value !== undefined && value !== last) setLast(value)
  return value ?? last
}
