// custom-speech backup FILE: writes the whole database into one file, while the server runs or not.
import { stat } from 'node:fs/promises'
import { streamBackup, writeBackup } from '../backup/backup.ts'
import { BackupError } from '../backup/problem.ts'
import { prepareDataDir } from '../data-dir.ts'
import { findDatabase, hasEmbeddedData } from '../postgres/store.ts'
import { count, describeWait, megabytes, runCommand } from './run-command.ts'

await runCommand('The backup was not made.', async (config, log) => {
  const [file = '-', ...options] = process.argv.slice(3)
  if (!config.databaseUrl && !hasEmbeddedData(config.dataDir))
    throw new BackupError(`${config.dataDir} has no database. Set DATA_DIR or DATABASE_URL as the server has it.`)
  if (!config.databaseUrl) await prepareDataDir(config.dataDir, log)
  const report = { waiting: (...wait: Parameters<typeof describeWait>) => console.error(describeWait(...wait)) }
  const database = await findDatabase(config, log)
  try {
    const made =
      file === '-'
        ? await streamBackup(database.url, process.stdout, report)
        : await writeBackup(database.url, file, report, { isReplacing: options.includes('--force') })
    const size = file === '-' ? '' : `, ${megabytes((await stat(file)).size)} compressed`
    console.error(
      `Backed up ${count(made.rows, 'row')} of ${count(made.tables, 'table')} (${megabytes(made.bytes)}${size})${file === '-' ? '.' : ` to ${file}.`}`,
    )
    const { missing, inObjectStore } = made.files
    if (missing)
      console.error(
        `Warning: ${count(missing, 'file')} of uploads and models ${missing === 1 ? 'is' : 'are'} not in the database, and so not in the backup. Start the server on each machine that had a DATA_DIR, wait until its log says that the move of files is complete, then make another backup. A file that is still missing is lost.`,
      )
    if (inObjectStore)
      console.error(`${count(inObjectStore, 'file')} ${inObjectStore === 1 ? 'is' : 'are'} in ARTIFACT_STORE and not in the backup. Copy the bucket too.`)
  } finally {
    await database.close()
  }
})
