import { useId } from 'react'
import { type Misfits, whyUnavailable } from '../fitting.ts'
import type { ModelEntryFragment } from '../gql/graphql.ts'
import { toWord } from '../words.ts'
import { AcceptLicence } from './licence.tsx'

interface Choice {
  title: string
  name: string
  models: readonly ModelEntryFragment[]
  chosen: string | undefined
  misfits: Misfits
  problem: string | undefined
  choose: (id: string) => void
  licenceAccepted: () => void
}

/** Base models first, custom ones below; what is not ready, waits for its licence or does not fit cannot be chosen and says why. */
export function ModelChoice({ title, name, models, chosen, misfits, problem, choose, licenceAccepted }: Choice) {
  const id = useId()
  const groups = [
    { label: 'Base models', members: models.filter(({ isBase }) => isBase) },
    { label: 'Custom models', members: models.filter(({ isBase }) => !isBase) },
  ].filter(({ members }) => members.length)
  return (
    <fieldset className="field models" aria-describedby={problem && `${id}-problem`}>
      <legend>{title}</legend>
      {groups.map(({ label, members }) => (
        <div key={label} className="model-group">
          <h3>{label}</h3>
          {members.map((model) => (
            <Option
              key={model.id}
              model={model}
              name={name}
              isChosen={model.id === chosen}
              misfit={whyUnavailable(model) ?? misfits.get(model.id)}
              choose={() => choose(model.id)}
            />
          ))}
          {toUnaccepted(members).map((model) => (
            <AcceptLicence key={model.licence} model={model} accepted={licenceAccepted} />
          ))}
        </div>
      ))}
      {problem && (
        <p className="field-problem" id={`${id}-problem`} role="alert">
          {problem}
        </p>
      )}
    </fieldset>
  )
}

/** One model for each licence that waits: accepting it counts for all under it. */
const toUnaccepted = (models: readonly ModelEntryFragment[]) => [
  ...new Map(models.filter(({ isLicenceAccepted }) => !isLicenceAccepted).map((model) => [model.licence, model])).values(),
]

function Option(props: { model: ModelEntryFragment; name: string; isChosen: boolean; misfit: string | undefined; choose: () => void }) {
  const { model, name, isChosen, misfit, choose } = props
  const id = useId()
  return (
    <label className={misfit ? 'model-option unfit' : 'model-option'}>
      <input type="radio" name={name} value={model.id} checked={isChosen} disabled={misfit !== undefined} onChange={choose} required aria-describedby={id} />
      <span className="model-name">{model.name}</span>
      {toWord(model.scenario) !== model.name && <span className="tag">{toWord(model.scenario)}</span>}
      <span className="detail" id={id}>
        {misfit ?? model.description}
      </span>
    </label>
  )
}
