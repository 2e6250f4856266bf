import { type ReactNode, useId } from 'react'

interface Described {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': boolean | undefined
}

/** A label, what it labels, a hint and what is wrong, tied together for those who cannot see it. */
export function Field(props: { label: string; hint?: string; problem: string | undefined; children: (described: Described) => ReactNode }) {
  const id = useId()
  const describedBy = [props.problem && `${id}-problem`, props.hint && `${id}-hint`].filter(Boolean).join(' ')
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      {props.children({ id, 'aria-describedby': describedBy || undefined, 'aria-invalid': props.problem ? true : undefined })}
      {props.problem && (
        <p className="field-problem" id={`${id}-problem`} role="alert">
          {props.problem}
        </p>
      )}
      {props.hint && (
        <p className="hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
    </div>
  )
}
