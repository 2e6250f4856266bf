import { readConfig } from '../config.ts'
import { openLog } from '../log.ts'
import { describeProblem } from './problem.ts'

/** Runs a command that ends. It exits with 0, or with 1 and the failure in words. */
export async function runCommand(
  failure: string,
  run: (config: ReturnType<typeof readConfig>, log: ReturnType<typeof openLog>) => Promise<void>,
): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
  try {
    const config = readConfig()
    await run(config, openLog(config.logLevel))
    process.exit(0)
  } catch (error) {
    console.error(`\n${failure} ${describeProblem(error)}\n`)
    process.exit(1)
  }
}

export const count = (number: number, noun: string) => `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`

export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

export const describeWait = (seconds: number, other: string) => `Another process ${other} the database. Waiting (${seconds} s).`
