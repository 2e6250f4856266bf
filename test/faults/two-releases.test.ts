// Expand first, contract one release later: the previous release and this one work beside each other on one database.
import { rm } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createEmptyDatabase } from '../backup/empty-database.ts'
import { makeDirectory } from '../support/postgres.ts'
import { makeDataDir, program, start } from '../support/program.ts'
import { collect, referenceRecording, referenceText } from '../support/service.ts'
import { hasPreviousRelease, previousRelease, unpackPreviousRelease } from './previous-release.ts'
import { expectWhole } from './roles.ts'

const isThere = hasPreviousRelease()
const reason = isThere ? '' : ` (skipped: this clone has no commit ${previousRelease}; run git fetch --unshallow --tags)`
if (reason) console.warn(`two releases${reason}`)

type Node = Awaited<ReturnType<typeof start>>

/** Creates at one node, watches at both, and recognizes at both. */
async function tryBoth(maker: Node, other: Node) {
  const { deployment } = await maker.create()
  const [seen, alsoSeen] = await Promise.all([collect(other.watch(deployment.id)), collect(maker.watch(deployment.id))])
  for (const changes of [seen, alsoSeen]) {
    expectWhole(changes)
    expect(changes.at(-1)).toMatchObject({ status: 'COMPLETE' })
  }
  const { pathname, search } = new URL(seen.at(-1)?.deployment.endpoint?.httpUrl ?? '')
  for (const node of [maker, other]) {
    const answer = await (await node.post(`${node.url}${pathname}${search}`, referenceRecording())).json()
    expect(answer).toMatchObject({ RecognitionStatus: 'Success', DisplayText: expect.stringContaining(referenceText.slice(0, -1)) })
  }
  expect((await other.act('deleteDeployment', deployment.id)).__typename).toBe('DeleteDeploymentSuccess')
}

/** The previous release does not know SUSPENDED: its API cannot answer with it, and its endpoints refuse with a more general reason. It can delete. */
async function trySuspension(next: Node, old: Node) {
  const resumed = await next.deploy()
  const { pathname, search } = new URL(resumed.deployment.endpoint?.httpUrl ?? '')
  const codeAt = async (node: Node) => (await (await node.post(`${node.url}${pathname}${search}`, referenceRecording())).json()).code
  expect((await next.act('suspendDeployment', resumed.deploymentId)).__typename).toBe('SuspendDeploymentSuccess')
  expect([await codeAt(next), await codeAt(old)]).toEqual(['DEPLOYMENT_SUSPENDED', 'DEPLOYMENT_NOT_COMPLETE'])
  const query = '{ deployments(first: 100) { nodes { name } } counts: deployments { statusCounts { status } } }'
  expect((await old.ask('{ deployments(first: 100) { nodes { name } } }')).errors).toBeUndefined()
  expect((await old.ask(query)).errors).toHaveLength(1)
  expect((await next.act('resumeDeployment', resumed.deploymentId)).__typename).toBe('ResumeDeploymentSuccess')
  expect((await collect(next.watch(resumed.deploymentId))).at(-1)).toMatchObject({ status: 'COMPLETE' })
  expect([await codeAt(next), await codeAt(old)]).toEqual([undefined, undefined])

  const deleted = await next.deploy()
  await next.act('suspendDeployment', deleted.deploymentId)
  expect((await old.act('deleteDeployment', deleted.deploymentId)).__typename).toBe('DeleteDeploymentSuccess')
  expect(await next.act('restoreDeployment', deleted.deploymentId)).toMatchObject({ code: 'DEPLOYMENT_NOT_FOUND' })
  expect((await old.act('deleteDeployment', resumed.deploymentId)).__typename).toBe('DeleteDeploymentSuccess')
}

async function stop(...nodes: Node[]) {
  for (const { child } of nodes) child.kill('SIGTERM')
  await Promise.all(nodes.map(({ ended }) => ended))
}

test.skipIf(!isThere)(
  `the previous release and this one create, watch and recognize on one database, in both directions${reason}`,
  { timeout: 240_000 },
  async () => {
    const dir = await makeDirectory()
    onTestFinished(() => rm(dir, { recursive: true, force: true }))
    const previous = await unpackPreviousRelease(dir)
    const { url } = await createEmptyDatabase()
    const shared = { DATABASE_URL: url, BOOTSTRAP_KEY: `cs_${'k'.repeat(32)}`, LOG_LEVEL: 'error', SHUTDOWN_SECONDS: '0' }
    const [oldDir, newDir] = [await makeDataDir(), await makeDataDir()]
    const begin = (file: string, roles: string) => start({ ...shared, DATA_DIR: file === program ? newDir : oldDir, ROLES: roles }, onTestFinished, file)

    // The database is that of the previous release; this one migrates it while the previous one runs, which does the jobs.
    const old = await begin(previous, 'api,jobs,speech')
    const next = await begin(program, 'api,speech')
    await tryBoth(old, next)
    await tryBoth(next, old)
    await trySuspension(next, old)
    await stop(old, next)

    // The previous release starts on the migrated database, and this one does the jobs.
    const [nextAgain, oldAgain] = await Promise.all([begin(program, 'api,jobs,speech'), begin(previous, 'api,speech')])
    await tryBoth(oldAgain, nextAgain)
    await tryBoth(nextAgain, oldAgain)
    expect(oldAgain.said.err + nextAgain.said.err).toBe('')
    await stop(oldAgain, nextAgain)
  },
)
