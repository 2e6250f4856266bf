// The title of the tab: the title of the page, with the latest outcome in front until the user has seen it.
import { useEffect } from 'react'

const shownMs = 8000

let page = 'custom-speech'
let mark = ''
let timer: ReturnType<typeof setTimeout> | undefined

function show() {
  document.title = mark ? `${mark} · ${page}` : page
}

/** Removes the mark, but not while the tab is in the background. */
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
