// What every form about a model asks for.
import type { FieldProblems } from '../field-problems.ts'
import type { ModelEntryFragment } from '../gql/graphql.ts'
import { Field, NameField } from './field.tsx'

export interface Named {
  name: string
  description: string
}

export function NameFields({ value, change, problems }: { value: Named; change: (value: Named) => void; problems: FieldProblems }) {
  return (
    <>
      <NameField value={value.name} change={(name) => change({ ...value, name })} problem={problems['name']} />
      <Field label="Description" hint="Optional: what it is good for." problem={problems['description']}>
        {(described) => (
          <textarea
            {...described}
            rows={2}
            value={value.description}
            onChange={(event) => change({ ...value, description: event.target.value })}
            maxLength={1000}
          />
        )}
      </Field>
    </>
  )
}

interface BaseField {
  bases: readonly ModelEntryFragment[]
  value: string
  choose: (id: string) => void
  hint: string
  problem: string | undefined
}

export function BaseField({ bases, value, choose, hint, problem }: BaseField) {
  return (
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
  )
}

/** One of a few ways, of which the fields below belong to the chosen one. */
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
