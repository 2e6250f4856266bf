// custom-speech verify FILE: reads a backup to its end and compares its checksums. Needs no database.
import { checkBackup } from '../backup/read-backup.ts'
import { count, runCommand } from './run-command.ts'

await runCommand('The backup is not usable.', async () => {
  const file = process.argv[3] ?? ''
  const { manifest, sums } = await checkBackup(file)
  const rows = Object.values(sums.tables).reduce((sum, table) => sum + table.rows, 0)
  console.log(
    `${file} is complete: ${count(rows, 'row')} of ${count(manifest.tables.length, 'table')}, made ${manifest.createdAt} by custom-speech ${manifest.version}.`,
  )
})
