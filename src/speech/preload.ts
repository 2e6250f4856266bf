import { setTimeout as delay } from 'node:timers/promises'
import type { Artifacts } from '../artifacts/store.ts'
import type { Service } from '../domain/context.ts'
import { completionTopic, suspensionTopic } from '../domain/deployment-lifecycle.ts'
import { findModelsInReserve, findModelsInUse, findUnusedModels, type ServedDeployment } from '../domain/endpoint.ts'
import { openRecognizerModel, toLoadedFiles } from '../recognition/model-files.ts'
import type { Recognizers } from '../recognition/recognizers-port.ts'

interface Preloading extends Pick<Service, 'store' | 'log'> {
  artifacts: Artifacts
  recognizers: Recognizers
}

/** Pairs of models that are loaded at the start. */
const maxAtStart = 4
/** Pairs of models that are fetched after deployments became COMPLETE. Others are fetched by their first request. */
const maxNew = 20
/** Suspended deployments whose models are looked up at once. */
const maxSuspended = 100
/** Longer than the interval at which a lost notification is noticed. */
const newSeconds = 120
const closeMs = 1_000

/**
 * Loads the models of some COMPLETE deployments at the start, so that the first recording does not wait for them. Fetches
 * the models of each deployment that becomes COMPLETE anywhere and of revisions that can serve next, one after another, and
 * loads them where memory is free. Frees the memory of models that only SUSPENDED deployments use.
 */
export function openPreloading(service: Preloading) {
  const { store, log } = service
  const closing = new AbortController()
  const { signal } = closing
  const done = new Set<string>()

  const preloadAll = async (found: readonly ServedDeployment[], preload: (served: ServedDeployment) => Promise<unknown>) => {
    for (const served of found) {
      const pair = `${served.acousticModel.id} ${served.languageModel.id}`
      if (signal.aborted) return
      if (done.has(pair)) continue
      await preload(served).catch((error) => {
        if (!signal.aborted) log.warn({ deploymentId: served.deployment.id, reason: error }, 'models were not preloaded')
      })
      done.add(pair)
    }
  }
  const loadAtStart = async (served: ServedDeployment) => service.recognizers.load(await openRecognizerModel(service.artifacts, served), signal)
  const loadIfFree = async (served: ServedDeployment) => {
    const model = await openRecognizerModel(service.artifacts, served)
    const { workers, waiting, models } = service.recognizers.usage()
    const isUseful = waiting === 0 && workers.busy < workers.most && !models.some(({ id }) => id === model.id)
    if (isUseful) await service.recognizers.load(model, signal, { onlyIfFree: true })
  }

  let running = findModelsInUse(service, { limit: maxAtStart })
    .then((found) => preloadAll(found, loadAtStart))
    .then(async () => preloadAll(await findModelsInReserve(service, maxAtStart), loadIfFree))
    .catch((error) => log.warn({ reason: error }, 'models were not preloaded'))
  const preloadNew = async () => {
    const found = (await Promise.all([findModelsInUse(service, { limit: maxNew, withinSeconds: newSeconds }), findModelsInReserve(service, maxNew)])).flat()
    // Only the pairs of this moment are remembered, since their files can be removed later.
    const pairs = new Set(found.map(({ acousticModel, languageModel }) => `${acousticModel.id} ${languageModel.id}`))
    for (const pair of done) if (!pairs.has(pair)) done.delete(pair)
    await preloadAll(found, loadIfFree)
  }
  const releaseUnused = async () => {
    const unused = await findUnusedModels(service, { limit: maxSuspended, withinSeconds: newSeconds })
    for (const pair of done) if (unused.some(({ id }) => pair.includes(id))) done.delete(pair)
    service.recognizers.release(unused.flatMap(toLoadedFiles))
  }
  /** Runs once for all notifications that come before the run. */
  const watch = (topic: string, run: () => Promise<void>) => {
    let isNotified = false
    return store.events.watch(topic, () => {
      if (isNotified) return
      isNotified = true
      const runOnce = () => {
        isNotified = false
        return run()
      }
      running = running.then(runOnce).catch((error) => log.debug({ reason: error }, 'changed deployments were not looked up'))
    })
  }
  const unwatch = [watch(completionTopic, preloadNew), watch(suspensionTopic, releaseUnused)]
  return {
    async close() {
      for (const end of unwatch) end()
      closing.abort()
      await Promise.race([running, delay(closeMs)])
    },
  }
}
