import { useQuery } from 'urql'
import type { FieldProblems } from '../../api/field-problems.ts'
import { formatShare } from '../../format/amounts.ts'
import { GateChoiceDocument, type GateChoiceQuery, type GateInput } from '../../gql/graphql.ts'
import { Field } from '../field.tsx'

/** The entries of the form, in percent. */
export interface GateEntry {
  testSetId: string
  maxWordErrorRate: string
  maxIncrease: string
}

export const noGate: GateEntry = { testSetId: '', maxWordErrorRate: '', maxIncrease: '' }

const isPercent = (text: string) => /^\d*([.,]\d+)?$/.test(text.trim()) && toNumber(text) <= 100
const toNumber = (text: string) => Number(text.trim().replace(',', '.'))
const toShare = (text: string) => (text.trim() ? toNumber(text) / 100 : null)

/** The problems of the entries; none without a test set. */
export function checkGate({ testSetId, maxWordErrorRate, maxIncrease }: GateEntry): FieldProblems {
  if (!testSetId) return {}
  const invalid = 'Enter a number from 0 to 100.'
  return {
    ...(!maxWordErrorRate.trim() && !maxIncrease.trim() && { 'gate.maxWordErrorRate': 'Enter at least one of the two limits.' }),
    ...(!isPercent(maxWordErrorRate) && { 'gate.maxWordErrorRate': invalid }),
    ...(!isPercent(maxIncrease) && { 'gate.maxIncrease': invalid }),
  }
}

export const toGate = ({ testSetId, maxWordErrorRate, maxIncrease }: GateEntry): GateInput => ({
  testSetId,
  maxWordErrorRate: toShare(maxWordErrorRate),
  maxIncrease: toShare(maxIncrease),
})

interface GateFieldsProps {
  deployment: { id: string; locale: string }
  value: GateEntry
  change: (value: GateEntry) => void
  problems: FieldProblems
}

/** The condition that the new models must meet on a test set. A workspace without a test set has no such fields. */
export function GateFields({ deployment: { id, locale }, value, change, problems }: GateFieldsProps) {
  const [{ data }] = useQuery({ query: GateChoiceDocument, variables: { id, locale } })
  const testSets = data?.testSets.nodes.filter(({ status }) => status === 'READY') ?? []
  const standing = data?.deployment?.gate
  if (!testSets.length) return null
  return (
    <>
      <Field label="Gate" hint="Optional. The new models must pass an evaluation on this test set before they serve." problem={problems['gate.testSetId']}>
        {(described) => (
          <select {...described} value={value.testSetId} onChange={(event) => change({ ...value, testSetId: event.target.value })}>
            <option value="">{standing ? `The gate of the deployment: ${describe(standing)}` : 'No gate'}</option>
            {testSets.map((testSet) => (
              <option key={testSet.id} value={testSet.id}>
                {testSet.name}
              </option>
            ))}
          </select>
        )}
      </Field>
      {value.testSetId && (
        <>
          <Field label="Maximum word error rate, %" problem={problems['gate.maxWordErrorRate']}>
            {(described) => (
              <input
                {...described}
                type="text"
                inputMode="decimal"
                autoComplete="off"
                value={value.maxWordErrorRate}
                onChange={(event) => change({ ...value, maxWordErrorRate: event.target.value })}
              />
            )}
          </Field>
          <Field
            label="Maximum increase, percentage points"
            hint="The increase of the word error rate over that of the current revision."
            problem={problems['gate.maxIncrease']}
          >
            {(described) => (
              <input
                {...described}
                type="text"
                inputMode="decimal"
                autoComplete="off"
                value={value.maxIncrease}
                onChange={(event) => change({ ...value, maxIncrease: event.target.value })}
              />
            )}
          </Field>
        </>
      )}
    </>
  )
}

type Gate = NonNullable<NonNullable<GateChoiceQuery['deployment']>['gate']>

function describe({ testSet, maxWordErrorRate, maxIncrease, minConfidence }: Gate): string {
  const limits = [
    maxWordErrorRate !== null && `at most ${formatShare(maxWordErrorRate)}`,
    maxIncrease !== null && `increase at most ${formatShare(maxIncrease)}`,
    minConfidence !== null && `confidence at least ${formatShare(minConfidence)}`,
  ]
  return [testSet?.name ?? 'a deleted test set', ...limits].filter(Boolean).join(', ')
}
