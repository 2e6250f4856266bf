import type { Service } from '../domain/context.ts'
import { checkDisk } from '../domain/disk-usage.ts'
import { building, findModelToBuild, type ModelChange, type ModelClaim, modelLifecycle, modelTopic } from '../domain/model-lifecycle.ts'
import type { BuildingPayload } from '../lifecycle/job-definitions.ts'
import { JobFailure } from '../lifecycle/job-failure.ts'
import type { Tx } from '../postgres/client.ts'
import type { Handler } from '../postgres/queue.ts'
import type { ModelRow, ModelStage } from '../postgres/tables.ts'
import { createClaimedRecord, runSteps } from './claimed-job.ts'
import { type JobRun, RunEndedError } from './job-run.ts'

export type ModelJobRun = JobRun<ModelStage, ModelChange>

/** A model, its base model, and its text if the request contained it. */
export interface ModelToBuild {
  model: ModelRow
  base: ModelRow
  text: string | null
}

type StageBegins = Partial<Record<ModelStage, number>>

/** Throws when the files of the model, which its row already has, exceed the disk quota of the workspace. */
async function requireDisk(tx: Tx, { limits }: Service, { workspaceId }: ModelClaim) {
  const full = await checkDisk(tx, limits, workspaceId, 0)
  if (full) throw new JobFailure(full.code, `The model was built, but its files exceed the disk quota. ${full.message}`, { isLasting: true })
}

/** The handler of a model's job: claims the model and builds it in stages, until it is READY or FAILED or another worker continues. */
export function modelHandler(
  service: Service,
  stageBegins: StageBegins,
  build: (steps: ModelJobRun, wanted: ModelToBuild) => Promise<void>,
): Handler<BuildingPayload> {
  const job = {
    key: 'modelId',
    claims: building,
    lifecycle: modelLifecycle,
    topicOf: modelTopic,
    atWork: 'BUILDING',
    stageBegins,
  } as const
  return {
    async run(payload, signal) {
      const claim = await building.claim(service, payload)
      if (!claim) return
      const also = async (tx: Tx, _: ModelRow, { made }: ModelChange) => made?.files && requireDisk(tx, service, claim)
      const record = createClaimedRecord(service, { ...job, also }, claim, { failed: payload.failedTries })
      await runSteps(service, record, signal, async (steps) => {
        const wanted = await findModelToBuild(service, payload.modelId)
        if (!wanted) throw new RunEndedError()
        await build(steps, wanted)
      })
    },
    async giveUp(payload) {
      const found = await findModelToBuild(service, payload.modelId)
      await building.fail(service, payload, {
        stage: found?.model.stage ?? (Object.keys(stageBegins)[0] as ModelStage),
        code: 'BUILDING_INTERRUPTED',
        message: 'The workers of this job were interrupted too often. Retry the model. If it fails again, read the log of the server.',
      })
    },
  }
}
