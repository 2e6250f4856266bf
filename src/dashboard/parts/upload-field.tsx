import { useEffect, useRef } from 'react'
import type { UploadState } from '../api/upload.ts'
import { count, formatBytes } from '../format/amounts.ts'
import { Field } from './field.tsx'
import { Icon } from './icon.tsx'

interface UploadFieldProps {
  label: string
  hint: string
  accept: string
  upload: UploadState
  problem: string | undefined
  /** Called when another file is chosen, so that the form removes the problem of the last one. */
  changed: () => void
}

/** A file input with the progress of the upload. */
export function UploadField({ label, hint, accept, upload: { state, choose, clear }, problem, changed }: UploadFieldProps) {
  const input = useRef<HTMLInputElement>(null)
  const remove = () => {
    changed()
    clear()
    clearInput(input.current)
    input.current?.focus()
  }
  const uploadAgain = (file: File) => {
    changed()
    choose(file)
    input.current?.focus()
  }
  // Browsers report no change when the same file is chosen again, though its content can have changed.
  useEffect(() => {
    if (state.step === 'failed') clearInput(input.current)
  }, [state.step])
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
              <progress className="bar" max={state.sizeBytes} value={state.sentBytes} aria-label={`Upload of ${label.toLowerCase()}`} />
              <span className="detail">
                {state.sentBytes < state.sizeBytes ? `${formatBytes(state.sentBytes)} of ${formatBytes(state.sizeBytes)} uploaded` : 'Uploaded, checking…'}
              </span>
              <button type="button" className="small button" aria-label={`Cancel the upload of ${label.toLowerCase()}`} onClick={remove}>
                Cancel
              </button>
            </div>
          )}
          {state.step === 'failed' && (
            <div className="failed-transfer">
              <span className="detail">{state.file.name}</span>
              <button type="button" className="small button" aria-label={`Upload again: ${label.toLowerCase()}`} onClick={() => uploadAgain(state.file)}>
                Upload again
              </button>
              <button type="button" className="small button" aria-label={`Remove ${label.toLowerCase()}`} onClick={remove}>
                Remove
              </button>
            </div>
          )}
          <div role="status">
            {state.step === 'done' && (
              <p className="sent">
                <Icon name="check" />
                {[
                  `Uploaded: ${formatBytes(state.upload.sizeBytes)}`,
                  state.upload.lines !== undefined && count(state.upload.lines, 'line'),
                  state.upload.skippedLines && `${count(state.upload.skippedLines, 'line')} without a word`,
                ]
                  .filter(Boolean)
                  .join(', ')}
                <button type="button" className="bare" aria-label={`Remove ${label.toLowerCase()}`} onClick={remove}>
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

function clearInput(input: HTMLInputElement | null) {
  if (input) input.value = ''
}
