import { type ReactNode, useId } from 'react'

interface Described {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': boolean | undefined
}

/** A control with its label, hint and problem, connected for screen readers. */
export function Field(props: { label: string; hint?: ReactNode; problem: string | undefined; children: (described: Described) => ReactNode }) {
  const id = useId()
  const describedBy = [props.problem && `${id}-problem`, props.hint && `${id}-hint`].filter(Boolean).join(' ')
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      {props.children({ id, 'aria-describedby': describedBy || undefined, 'aria-invalid': props.problem ? true : undefined })}
      <ProblemText id={`${id}-problem`}>{props.problem}</ProblemText>
      {props.hint && (
        <p className="hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
    </div>
  )
}

/** A problem of a field. Screen readers announce it when it appears. */
export function ProblemText({ id, children }: { id?: string; children: string | undefined }) {
  return children ? (
    <p className="field-problem" id={id} role="alert">
      {children}
    </p>
  ) : null
}

interface TextField {
  value: string
  change: (text: string) => void
  problem: string | undefined
  placeholder?: string | undefined
}

// Fields have no `maxLength`, because browsers cut a pasted text without a message.
export function NameField({ value, change, problem, placeholder }: TextField) {
  return (
    <Field label="Name" problem={problem}>
      {(described) => (
        <input
          {...described}
          type="text"
          value={value}
          onChange={(event) => change(event.target.value)}
          required
          autoComplete="off"
          placeholder={placeholder}
        />
      )}
    </Field>
  )
}

export function DescriptionField({ value, change, problem }: TextField) {
  return (
    <Field label="Description" hint="Optional. The purpose, for your teammates." problem={problem}>
      {(described) => <textarea {...described} rows={2} value={value} onChange={(event) => change(event.target.value)} />}
    </Field>
  )
}
