// Writes one file to the file store of a database, in a process that a test kills.
import { createFileStore } from '../../src/artifacts/file-store.ts'
import { openLog } from '../../src/log.ts'
import { openClient } from '../../src/postgres/client.ts'

const [url = '', path = '', sha256 = '', size] = process.argv.slice(2)
const client = openClient(url, openLog('silent'))
await createFileStore(client).write({ sha256, size: Number(size) }, path, new AbortController().signal)
await client.close()
