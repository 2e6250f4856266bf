// Keeps the keyboard focus on the page: a closed dialog returns it, and an element that is removed passes it on.
import { useRef } from 'react'

const focusable = 'a, button, input, select, textarea, [tabindex]'

/** The element that had the focus or a click last. Some browsers do not focus a button on a click. */
let last: HTMLElement | undefined
/** True while `last` is disabled: it has lost the focus without an event. */
let isDisabled = false

const isLost = () => document.activeElement === null || document.activeElement === document.body

/** Focuses the heading of the page, or of the dialog in front of it. */
function focusNearest() {
  const dialog = [...document.querySelectorAll<HTMLElement>('[role=dialog], [role=alertdialog]')].at(-1)
  const target = dialog ?? document.querySelector<HTMLElement>('main h1') ?? document.getElementById('content')
  target?.focus({ preventScroll: true })
}

/** Longer than the timeout of 0 ms in which Radix returns the focus. */
const settleMs = 40

function check() {
  if (!last || !isLost()) return
  if (!last.isConnected) {
    last = undefined
    focusNearest()
  } else if (isDisabled && !last.matches(':disabled')) {
    last.focus({ preventScroll: true })
  }
  isDisabled = last?.matches(':disabled') ?? false
}

/** Watches the document until the page is unloaded. */
export function keepFocus() {
  const use = ({ target }: Event) => {
    last = target instanceof Element ? (target.closest<HTMLElement>(focusable) ?? undefined) : undefined
  }
  document.addEventListener('focusin', use)
  document.addEventListener('pointerdown', use, { capture: true })
  new MutationObserver((changes) => {
    if (!last) return
    if (changes.some(({ type, target }) => type === 'attributes' && target === last)) isDisabled ||= last.matches(':disabled')
    if (!last.isConnected || isDisabled) setTimeout(check, settleMs)
  }).observe(document.body, { childList: true, subtree: true, attributeFilter: ['disabled'] })
}

/** The element that opened a dialog: the focused one, or the button of the menu whose item is focused. */
function findOpener(): HTMLElement | null {
  const active = isLost() ? last : (document.activeElement as HTMLElement)
  const menu = active?.closest('[role=menu]')
  return menu ? document.getElementById(menu.getAttribute('aria-labelledby') ?? '') : (active ?? null)
}

/** Returns a handler for Radix's `onCloseAutoFocus` that focuses the element which opened the dialog. */
export function useFocusReturn(isOpen = true): (event: Event) => void {
  const opener = useRef<HTMLElement>(null)
  const wasOpen = useRef(false)
  if (isOpen && !wasOpen.current) opener.current = findOpener()
  wasOpen.current = isOpen
  return (event) => {
    event.preventDefault()
    if (opener.current?.isConnected) opener.current.focus({ preventScroll: true })
    else if (isLost()) focusNearest()
  }
}

/** Focuses the first field of a form that has a problem. */
export function focusFirstProblem(form: HTMLElement | null) {
  form?.querySelector<HTMLElement>('[aria-invalid=true], [data-invalid] input:not(:disabled)')?.focus()
}
