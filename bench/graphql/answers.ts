// Servers are compared only when they do the same work: equal answers, and equal rows after a mutation.
import type { Operation } from './documents.ts'
import type { Rows } from './rows.ts'
import { ours, type Server } from './servers.ts'

/** Throws when a server's answer or rows differ from those of the product. */
export async function checkAnswers(servers: Server[], rows: Rows): Promise<void> {
  const product = servers.find(({ name }) => name === ours)
  if (!product) throw new Error('The product is not among the servers.')
  for (const operation of ['List20', 'List50', 'Single'] as const) {
    const expected = await askAll(product, operation, rows)
    for (const server of servers) requireEqual(server, operation, await askAll(server, operation, rows), expected)
  }
  const created = await create(product, rows)
  for (const server of servers) requireEqual(server, 'Create', await create(server, rows), created)
}

/** The first requests of an operation are compared. */
const compared = 20

const askAll = (server: Server, operation: Operation, rows: Rows) =>
  Promise.all(
    server
      .toBodies(operation, rows)
      .slice(0, compared)
      .map((body) => ask(server, rows, body)),
  )

/** The answer to a mutation without the id, and the rows that the mutation left. */
async function create(server: Server, rows: Rows) {
  const name = 'Compared'
  const [body = ''] = server.toBodies('Create', rows)
  const answer = await ask(server, rows, body.replace('Made %n', name))
  const found = await rows.findCreated(name)
  await rows.removeCreated()
  return JSON.parse(JSON.stringify({ answer, rows: found }, (field, value) => (field === 'id' ? typeof value : value)))
}

async function ask(server: Server, rows: Rows, body: string): Promise<unknown> {
  const [workspace] = rows.workspaces
  if (!workspace) throw new Error('No workspace exists.')
  const response = await fetch(server.url, { method: 'POST', headers: { 'content-type': 'application/json', ...server.toHeaders(workspace) }, body })
  const text = await response.text()
  const { data, errors } = JSON.parse(text) as { data?: unknown; errors?: unknown }
  if (!response.ok || errors || !data) throw new Error(`${server.name} answered with ${response.status}: ${text.slice(0, 1000)}`)
  return data
}

function requireEqual({ name, toComparable }: Server, operation: Operation, actual: unknown, expected: unknown) {
  const [own, reference] = [actual, expected].map((data) => JSON.stringify(data, toComparable, 1).split('\n'))
  const line = reference?.findIndex((text, index) => text !== own?.[index]) ?? -1
  if (line < 0 && own?.length === reference?.length) return
  throw new Error(`${name} answers ${operation} differently: ${own?.[line]?.trim()} instead of ${reference?.[line]?.trim()}`)
}
