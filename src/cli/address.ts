// Where the server of a data directory listens, for commands that are started beside it.
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const fileOf = (dataDir: string) => join(dataDir, 'address')

export const noteAddress = (dataDir: string, url: string) => writeFile(fileOf(dataDir), `${url}\n`)

export const forgetAddress = (dataDir: string) => rm(fileOf(dataDir), { force: true })

/** The address that the last server noted. After a crash it is one that nothing answers. */
export async function readAddress(dataDir: string): Promise<string | undefined> {
  const text = await readFile(fileOf(dataDir), 'utf8').catch(() => '')
  return URL.canParse(text.trim()) ? text.trim() : undefined
}
