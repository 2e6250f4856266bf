/** The problem of each field. The key '' has a problem that belongs to no field. */
export type FieldProblems = Readonly<Record<string, string>>

interface FieldRefusal {
  code?: string
  message: string
  path?: string | null
  fieldErrors?: readonly { path: string; message: string }[]
}

/** Assigns each refusal to its field, such as "rows.0.name", or to the field that contains it. The first problem of a field is kept. */
export function toFieldProblems(refusals: readonly FieldRefusal[], fields: readonly string[]): FieldProblems {
  const problems: Record<string, string> = {}
  const add = (path: string | null | undefined, message: string) => {
    const steps = path?.split('.') ?? []
    const holders = steps.map((_, n) => steps.slice(0, steps.length - n).join('.'))
    problems[holders.find((field) => fields.includes(field)) ?? ''] ??= message
  }
  for (const { code = '', message, path, fieldErrors } of refusals) {
    if (fieldErrors) for (const error of fieldErrors) add(error.path, toSentence(error))
    else add(path, ownWords[code] ?? message)
  }
  return problems
}

/** Replaces messages that name a mutation where the form has a button. */
const ownWords: Record<string, string> = { LICENSE_NOT_ACCEPTED: 'Accept the license of this model first.' }

/** The labels of the API's input fields. */
const labels: Record<string, string> = {
  acousticModelId: 'Acoustic model',
  baseModelId: 'Base model',
  canary: 'Canary',
  description: 'Description',
  expiresAt: 'Expiry date',
  httpsUrl: 'Address',
  languageModelId: 'Language model',
  maxIncrease: 'Maximum increase',
  maxWordErrorRate: 'Maximum word error rate',
  name: 'Name',
  note: 'Note',
  npmPackage: 'Package',
  percent: 'Percentage',
  phrases: 'Phrases',
  pronunciations: 'Pronunciations',
  recordingsUploadId: 'Recordings',
  scopes: 'Permissions',
  sha256: 'SHA-256',
  shadow: 'Shadow',
  spoken: 'Spoken',
  testSetId: 'Test set',
  text: 'Text',
  uploadId: 'File',
  written: 'Written',
}

const capitalize = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** Replaces the path at the start of the API's message, "name must have 1 to 100 characters", by the label of the field. */
function toSentence({ path, message }: { path: string; message: string }): string {
  const sentence = capitalize(message.startsWith(`${path} `) ? toSubject(path, message.slice(path.length + 1)) : message)
  return sentence.endsWith('.') ? sentence : `${sentence}.`
}

function toSubject(path: string, rest: string): string {
  // Problems of a text already name the line.
  if (/^line \d/.test(rest)) return rest
  const field = path.split('.').at(-1) ?? ''
  if (/^\d+$/.test(field)) return `line ${Number(field) + 1} ${rest}`
  return `${labels[field] ?? field} ${rest}`
}

/** Counts code points, as the API does. */
const countCharacters = (text: string) => [...text].length

const checkLength = (label: string, text: string, max: number) =>
  countCharacters(text) > max
    ? `${label} must have at most ${max.toLocaleString('en')} characters. This one has ${countCharacters(text).toLocaleString('en')}.`
    : undefined

/** Checks a name and a description without the server. */
export function checkNamed({ name, description = '' }: { name: string; description?: string }): FieldProblems {
  const found = {
    name: name.trim() ? checkLength('Name', name.trim(), 100) : 'Enter a name.',
    description: checkLength('Description', description.trim(), 1000),
  }
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
