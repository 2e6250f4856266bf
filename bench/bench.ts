// Figures of this machine, each beside a baseline measured in the same run. Medians, because machines are noisy.
// "npm run bench graphql" runs one part; without a name, all run. CONTRIBUTING.md says how to read them.
// "npm run bench scale -- --rows 1000000" fills so many deployments.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openArtifacts } from '../src/artifacts/store.ts'
import { readConfig } from '../src/config.ts'
import { openLog } from '../src/log.ts'
import { startService } from '../src/main.ts'
import { openEmbeddedPostgres } from '../src/postgres/embedded/server.ts'
import { controlPlane } from './control-plane.ts'
import { fanOut } from './fan-out.ts'
import { graphql } from './graphql.ts'
import { languageModel } from './language-model.ts'
import { pickup, stages } from './provisioning.ts'
import { openModel, recognition } from './recognition.ts'
import { redeploy } from './redeploy.ts'
import { scale } from './scale.ts'
import { speechPath } from './speech-path.ts'
import { warmStart } from './start.ts'
import { printTable } from './table.ts'
import { differentWatchers } from './watchers.ts'

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '9' }, seconds: { type: 'string', default: '0.7' }, rows: { type: 'string' } },
})
const [rounds, seconds] = [Number(options.rounds), Number(options.seconds)]
if (!(rounds >= 1 && seconds > 0))
  throw new Error('--rounds needs a number of at least 1, --seconds a number above 0: npm run bench graphql -- --rounds 9 --seconds 0.7')
const runs = (part: string) => wanted.length === 0 || wanted.includes(part)

const dataDir = await mkdtemp(join(tmpdir(), 'custom-speech-bench-'))
await chmod(dataDir, 0o755)
const server = await openEmbeddedPostgres(join(dataDir, 'postgres'), openLog('error'))
const settings = {
  DATABASE_URL: server.url,
  DATA_DIR: join(dataDir, 'data'),
  PORT: '0',
  RECOGNIZERS: '1',
  MAX_DEPLOYMENTS: '1000000',
  MAX_MUTATIONS_PER_KEY: '1000000',
  MAX_MUTATIONS_PER_WORKSPACE: '1000000',
}

if (runs('control-plane')) {
  const service = await startService(readConfig(settings))
  printTable('Control plane', await controlPlane(service).finally(service.close))
}
if (runs('provisioning')) {
  const service = await startService(readConfig({ ...settings, RECOGNIZERS: '2' }))
  printTable('Stages of provisioning, warm', await stages(service).finally(service.close))
  printTable('Job pickup', await pickup(server.url, dataDir))
}
if (runs('redeploy')) {
  const service = await startService(readConfig(settings))
  printTable('Redeployment', await redeploy(service).finally(service.close))
}
if (runs('graphql')) await graphql(settings, join(dataDir, 'postgres'), { rounds, seconds })
if (runs('start')) printTable('Start, warm', await warmStart(dataDir))
if (runs('scale')) printTable('Scale', await scale(settings))
if (runs('fan-out')) printTable('Fan-out', await fanOut(settings))
if (runs('watchers')) printTable('Watchers of different deployments', await differentWatchers(settings))
if (runs('language-model')) printTable('Language model', await languageModel(dataDir))
if (runs('speech-path')) {
  const model = await openModel(await openArtifacts({ dataDir, privateSources: false }), 'SEARCH_AND_DICTATION')
  printTable('Speech path', await speechPath(settings, model, join(dataDir, 'pieces.txt')))
}
if (runs('recognition')) printTable('Recognition', await recognition(dataDir))

await server.close()
await rm(dataDir, { recursive: true, force: true })
process.exit(0)
