// custom-speech restore FILE: restores a backup into an empty database.

import { checkBackup } from '../backup/read-backup.ts'
import { restoreBackup } from '../backup/restore.ts'
import { prepareDataDir } from '../data-dir.ts'
import { findDatabase } from '../postgres/store.ts'
import { count, describeWait, runCommand } from './run-command.ts'

await runCommand('Nothing was restored.', async (config, log) => {
  const file = process.argv[3] ?? ''
  // Before a new embedded Postgres is made for it.
  const checked = await checkBackup(file)
  if (!config.databaseUrl) await prepareDataDir(config.dataDir, log)
  const database = await findDatabase(config, log)
  try {
    const report = { waiting: (...wait: Parameters<typeof describeWait>) => console.log(describeWait(...wait)) }
    const { manifest, sums } = await restoreBackup(database.url, file, log, report, checked)
    const rows = Object.values(sums.tables).reduce((sum, table) => sum + table.rows, 0)
    console.log(`Restored ${count(rows, 'row')} of the backup made ${manifest.createdAt} by custom-speech ${manifest.version}. Start the server now.`)
    console.log('The keys of the backup are valid. If you do not have the bootstrap key, "custom-speech key reset" makes a new one.')
  } finally {
    await database.close()
  }
})
