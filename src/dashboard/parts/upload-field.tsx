import { useRef } from 'react'
import { count, formatBytes } from '../amounts.ts'
import type { UploadState } from '../upload.ts'
import { Field } from './field.tsx'
import { Icon } from './icon.tsx'

interface Upload {
  label: string
  hint: string
  accept: string
  upload: UploadState
  problem: string | undefined
  /** Called when another file is chosen: what was wrong with the last one no longer counts. */
  changed: () => void
}

/** A file to choose, and how it goes with sending it. */
export function UploadField({ label, hint, accept, upload: { state, choose, clear }, problem, changed }: Upload) {
  const input = useRef<HTMLInputElement>(null)
  const forget = () => {
    changed()
    clear()
    if (input.current) input.current.value = ''
    input.current?.focus()
  }
  return (
    <Field label={label} hint={hint} problem={state.step === 'failed' ? state.problem : problem}>
      {(described) => (
        <>
          <input
            {...described}
            ref={input}
            type="file"
            accept={accept}
            onChange={(event) => {
              changed()
              const [file] = event.target.files ?? []
              if (file) choose(file)
              else clear()
            }}
          />
          {state.step === 'sending' && (
            <div className="transfer">
              <progress className="bar" max={state.sizeBytes} value={state.sentBytes} aria-label={`Sending of ${label.toLowerCase()}`} />
              <span className="detail">
                {state.sentBytes < state.sizeBytes ? `${formatBytes(state.sentBytes)} of ${formatBytes(state.sizeBytes)} sent` : 'Sent, being checked …'}
              </span>
              <button type="button" className="small button" aria-label={`Cancel the sending of ${label.toLowerCase()}`} onClick={forget}>
                Cancel
              </button>
            </div>
          )}
          <div role="status">
            {state.step === 'done' && (
              <p className="sent">
                <Icon name="check" />
                {[
                  `Sent: ${formatBytes(state.upload.sizeBytes)}`,
                  state.upload.lines !== undefined && count(state.upload.lines, 'line'),
                  state.upload.skippedLines && `${count(state.upload.skippedLines, 'line')} without a word`,
                ]
                  .filter(Boolean)
                  .join(', ')}
                <button type="button" className="bare" aria-label={`Remove ${label.toLowerCase()}`} onClick={forget}>
                  <Icon name="cross" />
                </button>
              </p>
            )}
          </div>
        </>
      )}
    </Field>
  )
}
