// Figures of this machine, each beside a baseline measured in the same run. Medians, because machines are noisy.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../src/config.ts'
import { startService } from '../src/main.ts'
import { controlPlane } from './control-plane.ts'
import { recognition } from './recognition.ts'
import { printTable } from './table.ts'

const dataDir = await mkdtemp(join(tmpdir(), 'custom-speech-bench-'))
await chmod(dataDir, 0o755)
const service = await startService(readConfig({ DATA_DIR: join(dataDir, 'data'), PORT: '0', RECOGNIZERS: '1' }))
printTable('Control plane', await controlPlane(service).finally(service.close))
printTable('Recognition', await recognition(dataDir))
await rm(dataDir, { recursive: true, force: true })
