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
      <FieldProblem id={`${id}-problem`}>{props.problem}</FieldProblem>
      {props.hint && (
        <p className="hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
    </div>
  )
}

/** What is wrong, told as soon as it is; nothing when nothing is. */
export function FieldProblem({ id, children }: { id?: string; children: string | undefined }) {
  return children ? (
    <p className="field-problem" id={id} role="alert">
      {children}
    </p>
  ) : null
}

/** What a thing is called. */
export function NameField({
  value,
  change,
  problem,
  placeholder,
}: {
  value: string
  change: (name: string) => void
  problem: string | undefined
  placeholder?: string
}) {
  return (
    <Field label="Name" problem={problem}>
      {(described) => (
        <input
          {...described}
          type="text"
          value={value}
          onChange={(event) => change(event.target.value)}
          maxLength={100}
          required
          autoComplete="off"
          placeholder={placeholder}
        />
      )}
    </Field>
  )
}
