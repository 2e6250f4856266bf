import { type ClipboardEvent, useId } from 'react'
import type { FieldProblems } from '../api/field-problems.ts'
import { ProblemText } from './field.tsx'
import { Icon } from './icon.tsx'

export interface PronunciationRow {
  key: number
  spoken: string
  written: string
}

let rowCount = 0
const newRow = (spoken = '', written = ''): PronunciationRow => ({ key: ++rowCount, spoken, written })

/** Empty rows are valid and have no effect. */
export const withoutEmpty = (rows: readonly PronunciationRow[]) => rows.filter(({ spoken, written }) => spoken.trim() || written.trim())

/** Rows of spoken and written forms. A table with two columns can be pasted. */
export function Pronunciations({
  rows,
  change,
  problems,
}: {
  rows: readonly PronunciationRow[]
  change: (rows: readonly PronunciationRow[]) => void
  problems: FieldProblems
}) {
  const id = useId()
  const set = (at: number, part: Partial<PronunciationRow>) => change(rows.map((row, n) => (n === at ? { ...row, ...part } : row)))
  const paste = (event: ClipboardEvent, at: number) => {
    const text = event.clipboardData.getData('text/plain')
    if (!/[\t\n]/.test(text.trim())) return
    event.preventDefault()
    const pasted = text.split(/\r?\n/).map((line) => {
      const [spoken, written] = line.split('\t')
      return newRow(spoken, written)
    })
    change([...rows.slice(0, at), ...withoutEmpty(pasted), ...rows.slice(at + 1)])
  }
  const cell = (row: PronunciationRow, n: number, part: 'spoken' | 'written', placeholder: string) => {
    const problem = problems[`pronunciations.${n}.${part}`]
    return (
      <div>
        <input
          type="text"
          aria-label={`${part === 'spoken' ? 'Spoken' : 'Written'}, pronunciation ${n + 1}`}
          aria-invalid={problem ? true : undefined}
          aria-describedby={problem && `${id}-${n}-${part}`}
          placeholder={placeholder}
          value={row[part]}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => set(n, { [part]: event.target.value })}
          onPaste={(event) => paste(event, n)}
        />
        <ProblemText id={`${id}-${n}-${part}`}>{problem}</ProblemText>
      </div>
    )
  }
  return (
    <fieldset className="field" aria-describedby={`${id}-hint`}>
      <legend>Pronunciations</legend>
      {rows.map((row, n) => (
        <div key={row.key} className="pronunciation">
          {cell(row, n, 'spoken', 'Spoken: pee bee ex')}
          {cell(row, n, 'written', 'Written: PBX')}
          <button type="button" className="bare" aria-label={`Remove pronunciation ${n + 1}`} onClick={() => change(rows.filter((other) => other !== row))}>
            <Icon name="cross" />
          </button>
        </div>
      ))}
      <ProblemText>{problems['pronunciations']}</ProblemText>
      <p className="hint" id={`${id}-hint`}>
        Optional. Terms whose pronunciation differs from their spelling. You can paste a table with two columns into a row.
      </p>
      <button type="button" className="small button" onClick={() => change([...rows, newRow()])}>
        <Icon name="plus" />
        Add pronunciation
      </button>
    </fieldset>
  )
}
