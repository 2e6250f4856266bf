import { useEffect, useRef, useState } from 'react'
import { Icon } from './icon.tsx'

/** Searches when the user has stopped typing for a moment. */
export function SearchField({ label, placeholder, text, changed }: { label: string; placeholder: string; text: string; changed: (text: string) => void }) {
  const [typed, setTyped] = useState(text)
  // The parent renders anew with each bit of progress, which is no reason to wait again.
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
        // Within a form, Enter would send the form.
        onKeyDown={(event) => event.key === 'Enter' && event.preventDefault()}
      />
    </search>
  )
}
