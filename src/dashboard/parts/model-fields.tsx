// The fields that all forms for models share.
import type { FieldProblems } from '../api/field-problems.ts'
import type { ModelEntryFragment } from '../gql/graphql.ts'
import { DescriptionField, Field, NameField } from './field.tsx'
import { AcceptLicense } from './license.tsx'

export interface Named {
  name: string
  description: string
}

export interface CreateModelProps {
  locale: string
  bases: readonly ModelEntryFragment[]
  /** Reads the models again. */
  refresh: () => void
  close: () => void
}

export function NameFields({ value, change, problems }: { value: Named; change: (value: Named) => void; problems: FieldProblems }) {
  return (
    <>
      <NameField value={value.name} change={(name) => change({ ...value, name })} problem={problems['name']} />
      <DescriptionField value={value.description} change={(description) => change({ ...value, description })} problem={problems['description']} />
    </>
  )
}

interface BaseFieldProps {
  bases: readonly ModelEntryFragment[]
  value: string
  choose: (id: string) => void
  hint: string
  problem: string | undefined
  /** Called when the license of the chosen model has been accepted. */
  accepted: () => void
}

export function BaseField({ bases, value, choose, hint, problem, accepted }: BaseFieldProps) {
  const chosen = bases.find(({ id }) => id === value)
  return (
    <>
      <Field label="Base model" hint={hint} problem={problem}>
        {(described) => (
          <select {...described} value={value} onChange={(event) => choose(event.target.value)}>
            {bases.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
      {chosen && !chosen.isLicenseAccepted && <AcceptLicense model={chosen} accepted={accepted} />}
    </>
  )
}

/** A choice between sources. The fields below belong to the chosen one. */
export function WayField<T extends string>(props: { legend: string; ways: Record<T, string>; value: T; choose: (way: T) => void }) {
  return (
    <fieldset className="chips">
      <legend className="hidden">{props.legend}</legend>
      {(Object.keys(props.ways) as T[]).map((way) => (
        <button key={way} type="button" className="chip" aria-pressed={way === props.value} onClick={() => props.choose(way)}>
          {props.ways[way]}
        </button>
      ))}
    </fieldset>
  )
}
