import { Popover } from 'radix-ui'
import { type KeyboardEvent, useId, useState } from 'react'
import { count } from '../format/amounts.ts'
import type { Locale } from '../format/locale.ts'
import { Icon } from './icon.tsx'

/** Change Locale: a list with counts for each locale, searchable by code and name. */
export function LocalePicker(props: { locale: Locale | undefined; locales: readonly Locale[]; choose: (code: string) => void }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <Popover.Root open={isOpen} onOpenChange={setOpen}>
      <Popover.Trigger className="button">
        <Icon name="globe" />
        Change Locale
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="popover" align="start" sideOffset={6} collisionPadding={8} aria-label="Change Locale">
          <LocaleList
            {...props}
            choose={(code) => {
              setOpen(false)
              props.choose(code)
            }}
          />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  )
}

function LocaleList({ locale, locales, choose }: { locale: Locale | undefined; locales: readonly Locale[]; choose: (code: string) => void }) {
  const [text, setText] = useState('')
  const [active, setActive] = useState(0)
  const listId = useId()
  const wanted = text.trim().toLowerCase()
  const found = locales.filter(({ code, name, nativeName }) => `${code} ${name} ${nativeName}`.toLowerCase().includes(wanted))
  const current = found[Math.min(active, found.length - 1)]
  const handleKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step) setActive((at) => Math.max(0, Math.min(found.length - 1, at + step)))
    else if (event.key === 'Enter' && current) choose(current.code)
    else return
    event.preventDefault()
  }
  return (
    <>
      <div className="search">
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-label="Search locales"
          aria-expanded="true"
          aria-controls={listId}
          aria-activedescendant={current && `${listId}-${current.code}`}
          placeholder="Search locales"
          value={text}
          onChange={(event) => {
            setText(event.target.value)
            setActive(0)
          }}
          onKeyDown={handleKey}
        />
      </div>
      <div role="listbox" id={listId} aria-label="Locales" className="locales" tabIndex={-1}>
        {found.map((entry) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys go to the search field, which names the active option
          <div
            key={entry.code}
            role="option"
            id={`${listId}-${entry.code}`}
            aria-selected={entry.code === locale?.code}
            tabIndex={-1}
            className={entry === current ? 'locale active' : 'locale'}
            onClick={() => choose(entry.code)}
          >
            <span className="locale-name">
              {entry.name}
              {entry.code === locale?.code && <Icon name="check" />}
            </span>
            <span className="detail">
              {entry.code} · {count(entry.deploymentCount, 'deployment')} ·{' '}
              {count(entry.baseAcousticModelCount + entry.baseLanguageModelCount + entry.customAcousticModelCount + entry.customLanguageModelCount, 'model')}
            </span>
          </div>
        ))}
        {found.length === 0 && <p className="hint">No locale matches. {locales.length} locales are available.</p>}
      </div>
    </>
  )
}
