import { useEffect, useState } from 'react'
import { Icon } from './icon.tsx'
import { tell } from './news.tsx'

/** Copies a text and confirms the copy for two seconds. */
export function CopyButton({ text, noun }: { text: string; noun: string }) {
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return
    const timer = setTimeout(() => setCopied(false), 2000)
    return () => clearTimeout(timer)
  }, [isCopied])
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setCopied(true)
    } catch {
      tell('The browser does not allow copying here. Select the text and copy it with the keyboard.', { isProblem: true })
    }
  }
  return (
    <button type="button" className="bare copy" aria-label={isCopied ? `Copied ${noun}` : `Copy ${noun}`} onClick={copy}>
      <Icon name={isCopied ? 'check' : 'copy'} />
    </button>
  )
}
