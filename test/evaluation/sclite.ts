import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AlignedWord } from '../../src/decoding/word-errors.ts'
import { makeDirectory } from '../support/postgres.ts'

/** Debian's package `sctk` has the program of NIST under this name. */
const sctk = process.env['SCTK'] ?? 'sctk'

export const hasSclite = () => spawnSync(sctk, ['help']).error === undefined

export interface WordPair {
  said: readonly string[]
  heard: readonly string[]
}

/** The alignments of sclite, one for each pair. */
export async function alignBySclite(pairs: readonly WordPair[]): Promise<AlignedWord[][]> {
  const dir = await makeDirectory()
  const [reference, hypothesis] = (['said', 'heard'] as const).map((side) => {
    const file = join(dir, `${side}.trn`)
    writeFileSync(file, `${pairs.map((pair, n) => `${pair[side].join(' ')} (speaker-${n})`).join('\n')}\n`)
    return file
  }) as [string, string]
  const options = ['-i', 'rm', '-e', 'utf-8', '-o', 'pra', 'stdout']
  const output = execFileSync(sctk, ['sclite', '-r', reference, 'trn', '-h', hypothesis, 'trn', ...options], { encoding: 'utf8', maxBuffer: 1e8 })
  const found = [...output.matchAll(/^id: \(speaker-(\d+)\)\nScores: .*? (\d+) (\d+) (\d+) (\d+)\n(?:Attributes: .*\n)?REF:(.*)\nHYP:(.*)\n/gm)]
  const alignments: AlignedWord[][] = []
  for (const [, number, , , , , said = '', heard = ''] of found) alignments[Number(number)] = toAlignment(toTokens(said), toTokens(heard))
  return alignments
}

const toTokens = (line: string) => line.trim().split(/\s+/).filter(Boolean)

function toAlignment(said: readonly string[], heard: readonly string[]): AlignedWord[] {
  const wordOf = (token: string | undefined) => (token === undefined || /^\*+$/.test(token) ? null : token.toLowerCase())
  return said.map((token, n) => {
    const [one, other] = [wordOf(token), wordOf(heard[n])]
    return { op: one === null ? 'INSERTION' : other === null ? 'DELETION' : one === other ? 'CORRECT' : 'SUBSTITUTION', said: one, heard: other }
  })
}
