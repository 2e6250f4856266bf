// Every list of models, keys and uploads, with all filters and orders.
import { listKeys } from '../../src/access/key.ts'
import type { Context } from '../../src/domain/context.ts'
import { listModels, type ModelFilter } from '../../src/domain/model.ts'
import type { PageArgs } from '../../src/domain/pagination.ts'
import { listUploads } from '../../src/domain/upload.ts'

export const cursor = (...keys: string[]) => Buffer.from(JSON.stringify(keys)).toString('base64url')
export const moment = '2026-01-01T00:00:00.000Z'
/** The id at which pages begin or end. */
export const boundary = { id: '' }
export const pages = (...keys: string[]): PageArgs[] => [
  { first: 20 },
  { last: 20 },
  { first: 20, after: cursor(...keys, boundary.id) },
  { last: 20, before: cursor(...keys, boundary.id) },
]
const modelFilters: ModelFilter[] = [
  {},
  { locale: 'en-US' },
  { kind: 'LANGUAGE' },
  { scenario: 'CONVERSATIONAL' },
  { isBase: true },
  { isBase: false },
  { statuses: ['QUEUED'] },
  { text: 'row' },
]
const modelOrders = { NAME: ['Row 2'], CREATED_AT: [moment] } as const
export const directions = ['ASC', 'DESC'] as const

export async function listEverythingOfModels(ctx: Context) {
  for (const where of modelFilters) {
    for (const [field, keys] of Object.entries(modelOrders) as [keyof typeof modelOrders, readonly string[]][]) {
      for (const direction of directions) {
        for (const args of pages(...keys)) await listModels(ctx, { ...args, where, orderBy: { field, direction } })
      }
    }
    const page = await listModels(ctx, { where })
    if ('totalCount' in page) await page.totalCount()
  }
}

export async function listKeysAndUploads(ctx: Context) {
  for (const args of pages()) {
    for (const isActive of [null, true, false]) {
      const page = await listKeys(ctx, { ...args, where: { isActive } })
      if ('totalCount' in page) await page.totalCount()
    }
    const page = await listUploads(ctx, args)
    if ('totalCount' in page) await page.totalCount()
  }
}
