import { useRef } from 'react'

/** Adds an idempotency key to an input. Equal inputs get the same key, so a request that is repeated after a lost answer creates nothing twice. */
export function useIdempotencyKey() {
  const last = useRef({ text: '', key: '' })
  return <Input extends object>(input: Input): Input & { idempotencyKey: string } => {
    const text = JSON.stringify(input)
    if (last.current.text !== text) last.current = { text, key: Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-') }
    return { ...input, idempotencyKey: last.current.key }
  }
}
