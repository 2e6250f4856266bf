// The API in a separate process that reports the size of its heap.
import { readConfig } from '../src/config.ts'
import { startService } from '../src/main.ts'
import { heapInUse } from './heap.ts'

const service = await startService(readConfig())
process.on('message', async () => process.send?.(await heapInUse()))
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
process.send?.({ url: service.localUrl, key: service.key })
