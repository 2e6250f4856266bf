import { useEffect, useRef, useState } from 'react'
import { Icon } from './icon.tsx'

/** Calls `changed` when the user has not typed for 250 ms. */
export function SearchField({ label, placeholder, text, changed }: { label: string; placeholder: string; text: string; changed: (text: string) => void }) {
  const [typed, setTyped] = useState(text)
  // The parent renders after each progress event, which must not restart the timer.
  const latest = useRef(changed)
  latest.current = changed
  useEffect(() => setTyped(text), [text])
  useEffect(() => {
    if (typed === text) return
    const timer = setTimeout(() => latest.current(typed), 250)
    return () => clearTimeout(timer)
  }, [typed, text])
  return (
    <search className="search">
      <Icon name="search" />
      <input
        type="search"
        aria-label={label}
        placeholder={placeholder}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        // Enter would submit the surrounding form.
        onKeyDown={(event) => event.key === 'Enter' && event.preventDefault()}
      />
    </search>
  )
}
