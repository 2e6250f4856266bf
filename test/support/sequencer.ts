import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Takes files of the projects in turn, so that those that wait, such as the faults, run beside those that compute. */
export class AlternatingSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const seen = new Map<string, number>()
    const turns = new Map<TestSpecification, number>()
    for (const file of sorted) {
      const { name, config } = file.project
      const turn = seen.get(name) ?? 0
      seen.set(name, turn + 1)
      // The first number is the group: one begins after the one before has ended.
      turns.set(file, (config.sequence.groupOrder ?? 0) * files.length + turn)
    }
    return sorted.toSorted((a, b) => (turns.get(a) ?? 0) - (turns.get(b) ?? 0))
  }
}
