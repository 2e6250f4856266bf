import { useState } from 'react'

/** The last defined value. It stays on the page until the next one has been read. */
export function useLast<T>(value: T | undefined): T | undefined {
  const [last, setLast] = useState(value)
  if (value !== undefined && value !== last) setLast(value)
  return value ?? last
}
