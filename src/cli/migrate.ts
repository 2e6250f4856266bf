// custom-speech migrate: brings the database up to date before new processes start. Waits for another migration.
import { prepareDataDir } from '../data-dir.ts'
import { findDatabase, migrateDatabase } from '../postgres/store.ts'
import { version } from '../version.ts'
import { describeWait, runCommand } from './run-command.ts'

await runCommand('The database was not migrated.', async (config, log) => {
  if (!config.databaseUrl) await prepareDataDir(config.dataDir, log)
  const database = await findDatabase(config, log)
  try {
    await migrateDatabase(database.url, log, {
      waiting: (...wait) => console.log(describeWait(...wait)),
      applying: (names) => {
        for (const name of names) console.log(`Applying ${name}`)
      },
    })
    console.log(`The database is ready for custom-speech ${version}.`)
  } finally {
    await database.close()
  }
})
