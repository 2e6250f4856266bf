// Short messages about outcomes, announced by screen readers.
import { useEffect, useState, useSyncExternalStore } from 'react'
import { Link } from '../route.ts'
import { Icon } from './icon.tsx'

interface Message {
  id: number
  text: string
  isProblem: boolean
  links: readonly NewsLink[]
}

interface NewsLink {
  href: string
  text: string
}

const shownMs = 6000
const maxShown = 3
let messages: readonly Message[] = []
let count = 0
const watchers = new Set<() => void>()

function set(next: readonly Message[]) {
  messages = next
  for (const watcher of watchers) watcher()
}

/** Shows a message for six seconds; a problem stays until the user closes it. */
export function tell(text: string, { isProblem = false, links = [] }: { isProblem?: boolean; links?: readonly NewsLink[] } = {}) {
  set([...messages, { id: ++count, text, isProblem, links }].slice(-maxShown))
}

const watch = (watcher: () => void) => {
  watchers.add(watcher)
  return () => void watchers.delete(watcher)
}

export function News() {
  const shown = useSyncExternalStore(watch, () => messages)
  return (
    <div className="news" aria-live="polite">
      {shown.map((message) => (
        <Item key={message.id} {...message} />
      ))}
    </div>
  )
}

function Item({ id, text, isProblem, links }: Message) {
  const [isHeld, setHeld] = useState(false)
  const close = () => set(messages.filter((message) => message.id !== id))
  useEffect(() => {
    if (isProblem || isHeld) return
    const timer = setTimeout(() => set(messages.filter((message) => message.id !== id)), shownMs)
    return () => clearTimeout(timer)
  }, [id, isProblem, isHeld])
  const hold = () => setHeld(true)
  const release = () => setHeld(false)
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a message stays while the pointer or the focus is on it
    <div className={`news-item ${isProblem ? 'problem' : ''}`} onPointerEnter={hold} onPointerLeave={release} onFocus={hold} onBlur={release}>
      <Icon name={isProblem ? 'warning' : 'check'} />
      <span>
        {text}
        {links.map((link) => (
          <Link key={link.href} href={link.href} onClick={close}>
            {link.text}
          </Link>
        ))}
      </span>
      <button type="button" className="bare" aria-label="Close this message" onClick={close}>
        <Icon name="cross" />
      </button>
    </div>
  )
}
