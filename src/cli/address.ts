// The address of the server of a data directory, for commands that run beside the server.
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const fileOf = (dataDir: string) => join(dataDir, 'address')

export const writeAddress = (dataDir: string, url: string) => writeFile(fileOf(dataDir), `${url}\n`)

export const deleteAddress = (dataDir: string) => rm(fileOf(dataDir), { force: true })

/** The address that the last server wrote. After a crash no server answers there. */
export async function readAddress(dataDir: string): Promise<string | undefined> {
  const text = await readFile(fileOf(dataDir), 'utf8').catch(() => '')
  return URL.canParse(text.trim()) ? text.trim() : undefined
}
