/** What is wrong, by the field it belongs to; '' holds what belongs to none. */
export type FieldProblems = Readonly<Record<string, string>>

interface Refusal {
  message: string
  path?: string | null
  fieldErrors?: readonly { path: string; message: string }[]
}

/** Puts each refusal where it belongs: to the field itself, such as "rows.0.name", else to the one that holds it. The first one of a field is shown. */
export function toFieldProblems(refusals: readonly Refusal[], fields: readonly string[]): FieldProblems {
  const problems: Record<string, string> = {}
  const add = (path: string | null | undefined, message: string) => {
    const steps = path?.split('.') ?? []
    const holders = steps.map((_, n) => steps.slice(0, steps.length - n).join('.'))
    problems[holders.find((field) => fields.includes(field)) ?? ''] ??= message
  }
  for (const { message, path, fieldErrors } of refusals) {
    if (fieldErrors) for (const error of fieldErrors) add(error.path, toSentence(error))
    else add(path, message)
  }
  return problems
}

/** "name must have 1 to 100 characters" begins with the field's name, which stands beside it already. */
function toSentence({ path, message }: { path: string; message: string }): string {
  const [, index, inner] = path.split('.')
  const subject = index === undefined || Number.isNaN(Number(index)) || inner ? 'It' : `Number ${Number(index) + 1}`
  const rest = message.startsWith(`${path} `) ? `${subject} ${message.slice(path.length + 1)}` : message
  return rest.endsWith('.') ? rest : `${rest}.`
}
