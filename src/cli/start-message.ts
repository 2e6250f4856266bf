import { bootstrapKeyFile } from '../access/bootstrap-key-file.ts'
import type { Config } from '../config.ts'
import type { RunningService } from '../main.ts'

type StartedService = Pick<RunningService, 'url' | 'key' | 'keyOrigin' | 'keyMissing'>
type StartSettings = Pick<Config, 'roles' | 'dataDir'>

interface Start {
  /** The time since the user typed the command. */
  seconds: number
  /** Whether the output is a terminal. Other outputs can be logs. */
  isTerminal: boolean
}

/** The text that is printed when the server is ready. It contains the key only on a terminal, and only at the start that made the key. */
export function describeStart(service: StartedService, { roles, dataDir }: StartSettings, { seconds, isTerminal }: Start): string {
  const isShown = isTerminal && service.keyOrigin === 'MADE'
  const addresses = [`  Try it   ${service.url}/${isShown ? `#key=${service.key}` : ''}`, `  API      ${service.url}/graphql`]
  return [
    `\ncustom-speech is ready (${seconds.toFixed(1)} s).\n`,
    ...(roles.has('api') ? addresses : []),
    `  Roles    ${[...roles].join(', ')}`,
    `  Data     ${dataDir}\n`,
    `  ${isShown ? 'The link signs you in with the bootstrap key.' : explainKey(service, dataDir)} "npm run demo" shows an example. Ctrl-C stops the server.\n`,
  ].join('\n')
}

function explainKey({ keyOrigin, keyMissing }: StartedService, dataDir: string): string {
  if (keyMissing) return keyMissing
  if (keyOrigin === 'CONFIGURED') return 'Sign in with the key that is configured as BOOTSTRAP_KEY.'
  return `Sign in with the bootstrap key, which is in the file ${bootstrapKeyFile(dataDir)}.`
}
