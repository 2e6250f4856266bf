import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { RecognitionMode } from '../domain/recognition-mode.ts'
import type { Scenario } from '../postgres/tables.ts'
import { ModelUnusableError } from './recognizer-model.ts'

const writingRules = z.object({
  /** True if phrases end with a full stop; false for commands and queries, which keep only a question mark. */
  finalStop: z.boolean(),
  /** Punctuation by the spoken words that stand for it, such as "," by "comma". */
  spokenMarks: z.record(z.string(), z.string()),
})

const languageModelFile = z.object({
  format: z.literal('custom-speech-language-model/1'),
  locale: z.string(),
  // The enum of the table would bring the database driver into every recognizer.
  scenario: z.enum(['CONVERSATIONAL', 'SEARCH_AND_DICTATION'] satisfies Scenario[]),
  writing: z.object({ interactive: writingRules, conversation: writingRules, dictation: writingRules }),
})

type WritingRules = z.infer<typeof writingRules>

/** Converts recognized words to written text. */
export interface CompiledWritingRules {
  locale: string
  write(spoken: string, mode: RecognitionMode): { display: string; lexical: string }
}

/** Reads the file of a language model and compiles its rules. Rejects with a {@link ModelUnusableError}. */
export async function openWritingRules(path: string): Promise<CompiledWritingRules> {
  const parsed = languageModelFile.safeParse(
    await readFile(path, 'utf8')
      .then(JSON.parse)
      .catch(() => undefined),
  )
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new ModelUnusableError(
      `The file of the language model is invalid (${issue?.path.join('.') || 'whole file'}: ${issue?.message}). Choose another language model.`,
    )
  }
  const { interactive, conversation, dictation } = parsed.data.writing
  const writers = { interactive: compile(interactive), conversation: compile(conversation), dictation: compile(dictation) }
  return {
    locale: parsed.data.locale,
    write: (spoken, mode) => ({ display: writers[mode](spoken), lexical: toLexical(spoken) }),
  }
}

function compile(rules: WritingRules): (spoken: string) => string {
  const marks = new Map(Object.entries(rules.spokenMarks))
  const longestFirst = [...marks.keys()].sort((a, b) => b.length - a.length).map((words) => words.replaceAll(' ', '\\s+'))
  // The punctuation that the acoustic model sets around a spoken mark is replaced.
  const spokenMark = longestFirst.length
    ? new RegExp(`[\\s,.;:!?]*(?<![\\p{L}\\p{N}'])(${longestFirst.join('|')})(?![\\p{L}\\p{N}'])[\\s,.;:!?]*`, 'giu')
    : undefined
  return (spoken) => {
    let text = spoken
    if (spokenMark) {
      text = text.replace(spokenMark, (_, words: string) => marks.get(words.toLowerCase().replace(/\s+/g, ' ')) ?? '')
      text = capitalizeSentences(text.replace(/[^\S\n]*\n[^\S\n]*/g, '\n'))
    }
    // A finished phrase is a sentence, even if the acoustic model ends it with a comma.
    return rules.finalStop ? text.trim().replace(/\s*[,;:\u2013-]$/, '.') : text.trim().replace(/[.,;:\u2026\u2013-]+$/, '')
  }
}

const capitalizeSentences = (text: string) => text.replace(/(^|[.!?]\s+|\n)(\p{Ll})/gu, (_, before: string, letter: string) => before + letter.toUpperCase())

const toLexical = (spoken: string) =>
  spoken
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}'\s]+/gu, ' ')
    .replace(/(^|\s)'+|'+(?=\s|$)/g, '$1')
    .trim()
    .replace(/\s+/g, ' ')
