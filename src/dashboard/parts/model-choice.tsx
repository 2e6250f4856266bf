import { useId } from 'react'
import type { useModelPair } from '../api/model-pair.ts'
import { isLong, type KnownModelKind, modelsPerPage, type OwnModels } from '../api/models.ts'
import { type Misfits, whyUnavailable } from '../format/fitting.ts'
import { toWord } from '../format/words.ts'
import type { ModelEntryFragment } from '../gql/graphql.ts'
import { ProblemText } from './field.tsx'
import { AcceptLicense } from './license.tsx'
import { Pagination } from './pagination.tsx'
import { SearchField } from './search-field.tsx'

interface Choice {
  title: string
  name: string
  bases: readonly ModelEntryFragment[]
  own: OwnModels
  chosen: ModelEntryFragment | undefined
  misfits: Misfits
  problem: string | undefined
  choose: (model: ModelEntryFragment) => void
  licenseAccepted: () => void
}

/** A list of base models, then custom models. A model that is not ready, not licensed or does not fit is disabled and shows the reason. */
function ModelChoice({ title, name, bases, own, chosen, misfits, problem, choose, licenseAccepted }: Choice) {
  const id = useId()
  // The chosen model stays in the list after a change of the page or search.
  const isElsewhere = chosen && !chosen.isBase && !own.models.some((model) => model.id === chosen.id)
  const ownShown = isElsewhere ? [chosen, ...own.models] : own.models
  const noun = `custom ${title.toLowerCase()}`
  const options = (models: readonly ModelEntryFragment[]) => (
    <>
      {models.map((model) => (
        <Option
          key={model.id}
          model={model}
          name={name}
          isChosen={model.id === chosen?.id}
          misfit={whyUnavailable(model) ?? misfits.get(model.id)}
          choose={() => choose(model)}
        />
      ))}
      {toUnaccepted(models).map((model) => (
        <AcceptLicense key={model.license} model={model} accepted={licenseAccepted} />
      ))}
    </>
  )
  return (
    <fieldset className="field models" aria-describedby={problem && `${id}-problem`} data-invalid={problem ? true : undefined}>
      <legend>{title}</legend>
      {bases.length > 0 && (
        <div className="model-group">
          <h2>Base models</h2>
          {options(bases)}
        </div>
      )}
      {(ownShown.length > 0 || isLong(own)) && (
        <div className="model-group">
          <h2>Custom models</h2>
          {isLong(own) && <SearchField label={`Search ${noun}s`} placeholder="Search name or description" text={own.text} changed={own.search} />}
          {options(ownShown)}
          {isLong(own) && own.pageInfo && (
            <Pagination
              label={`Pages of ${noun}s`}
              pageInfo={own.pageInfo}
              offset={own.offset}
              shown={own.models.length}
              size={modelsPerPage}
              total={own.totalCount}
              noun={noun}
              go={own.go}
            />
          )}
        </div>
      )}
      <ProblemText id={`${id}-problem`}>{problem}</ProblemText>
    </fieldset>
  )
}

/** One model for each license that has not been accepted. Accepting it counts for all models under the license. */
const toUnaccepted = (models: readonly ModelEntryFragment[]) => [
  ...new Map(models.filter(({ isLicenseAccepted }) => !isLicenseAccepted).map((model) => [model.license, model])).values(),
]

function Option(props: { model: ModelEntryFragment; name: string; isChosen: boolean; misfit: string | undefined; choose: () => void }) {
  const { model, name, isChosen, misfit, choose } = props
  const id = useId()
  return (
    <label className={misfit ? 'model-option unfit' : 'model-option'}>
      <input type="radio" name={name} value={model.id} checked={isChosen} disabled={misfit !== undefined} onChange={choose} aria-describedby={id} />
      <span className="model-name">{model.name}</span>
      {toWord(model.scenario) !== model.name && <span className="tag">{toWord(model.scenario)}</span>}
      <span className="detail" id={id}>
        {misfit ?? model.description}
      </span>
    </label>
  )
}

interface PairChoice {
  pair: Pick<ReturnType<typeof useModelPair>, 'bases' | 'chosen' | 'misfits' | 'choose'>
  own: Record<KnownModelKind, OwnModels>
  problems: Record<string, string | undefined>
  licenseAccepted: () => void
}

/** The choice of an acoustic and a language model. */
export function ModelPairChoice({ pair: { bases, chosen, misfits, choose }, own, problems, licenseAccepted }: PairChoice) {
  const shared = { misfits, choose, licenseAccepted }
  return (
    <>
      <ModelChoice
        title="Acoustic model"
        name="acoustic"
        bases={bases.ACOUSTIC}
        own={own.ACOUSTIC}
        chosen={chosen.acoustic}
        problem={problems['acousticModelId']}
        {...shared}
      />
      <ModelChoice
        title="Language model"
        name="language"
        bases={bases.LANGUAGE}
        own={own.LANGUAGE}
        chosen={chosen.language}
        problem={problems['languageModelId']}
        {...shared}
      />
    </>
  )
}
