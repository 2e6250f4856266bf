import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { modelsOf } from '../support/models.ts'
import { openTestService, type Service, uuidOf } from '../support/service.ts'

/** The quota of deployments, keys, models and unused uploads. */
export const quota = 4
export const diskBytes = 1_000_000

/** A server with small quotas. */
export function openQuotaService(): Promise<Service> {
  const most = String(quota)
  const quotas = { MAX_DEPLOYMENTS: most, MAX_KEYS: most, MAX_MODELS: most, MAX_UPLOADS: most, MAX_DISK_MB: '1', MAX_UPLOAD_MB: '5' }
  return openTestService({ ROLES: 'api', ...quotas })
}

/** A new workspace, with a client that has its first key. */
export async function openWorkspace(api: Service) {
  const { data } = await api.ask('mutation { createWorkspace(input: { name: "Own" }) { ... on CreateWorkspaceSuccess { workspace { id } secret } } }')
  const { workspace, secret: key } = data?.createWorkspace ?? {}
  const client = { ...api.as(key), localUrl: api.localUrl, key: key as string }
  const models = modelsOf(client)
  /** Uploads a text, again while the server already receives the maximum number of files. */
  const upload = async (body: string, kind = 'text'): Promise<Record<string, any>> => {
    const response = await models.upload(kind, body)
    const answer: Record<string, any> = { status: response.status, ...((await response.json()) as object) }
    if (answer['code'] !== 'TOO_MANY_UPLOADS') return answer
    await delay(50)
    return upload(body, kind)
  }
  const limits = async () =>
    (
      await client.ask(
        '{ viewer { limits { deployments { used } keys { used } models { used } uploads { used } disk { limitBytes usedBytes unusedUploadBytes } } } }',
      )
    ).data?.viewer.limits
  return { ...client, models, upload, limits, id: uuidOf(workspace.id) }
}

/** A random text of this many bytes, so that no two files are equal. */
export const words = (bytes: number) =>
  `${randomBytes(bytes / 2)
    .toString('hex')
    .slice(0, bytes - 1)}\n`.replace(/(.{60})./g, '$1\n')
