// The title of the tab: the page's own, behind the latest outcome until that has been seen.
import { useEffect } from 'react'

const shownMs = 8000

let page = 'custom-speech'
let mark = ''
let timer: ReturnType<typeof setTimeout> | undefined

function show() {
  document.title = mark ? `${mark} · ${page}` : page
}

/** The mark stays while the tab is in the background, and a moment longer. */
function fade() {
  clearTimeout(timer)
  if (document.hidden) return
  timer = setTimeout(() => {
    mark = ''
    show()
  }, shownMs)
}

document.addEventListener('visibilitychange', () => mark && fade())

/** Puts an outcome such as "✓ Front desk" in front of the title. */
export function markTitle(outcome: string) {
  mark = outcome
  show()
  fade()
}

export function useTitle(title: string) {
  useEffect(() => {
    page = title
    show()
  }, [title])
}
