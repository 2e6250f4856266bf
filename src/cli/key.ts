// custom-speech key reset: creates a new bootstrap key. It needs access to the database, not the old key.
import { bootstrapKeyFile, resetBootstrapKey } from '../access/bootstrap-key-file.ts'
import { readConfig } from '../config.ts'
import { prepareDataDir } from '../data-dir.ts'
import { openLog } from '../log.ts'
import { openDatabase } from '../postgres/store.ts'
import { describeProblem } from './problem.ts'

async function reset() {
  const config = readConfig()
  const log = openLog(config.logLevel)
  await prepareDataDir(config.dataDir, log)
  const database = await openDatabase(config, log)
  try {
    return { ...(await resetBootstrapKey(database.db, config.dataDir)), file: bootstrapKeyFile(config.dataDir) }
  } finally {
    await database.close()
  }
}

try {
  const [command, ...more] = process.argv.slice(3)
  if (command !== 'reset' || more.length) {
    console.error('Usage: custom-speech key reset')
    process.exit(1)
  }
  const { secret, isKept, file } = await reset()
  const note = isKept ? `It is stored in ${file}.` : `It could not be written to ${file}. Copy it now.`
  console.log(`\nThe new bootstrap key:\n\n  ${secret}\n\n${note} The previous generated key is revoked. All other keys stay valid.\n`)
  process.exit(0)
} catch (error) {
  console.error(`\nThe key was not reset. ${describeProblem(error)}\n`)
  process.exit(1)
}
