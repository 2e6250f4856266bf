// The limit: node:http, one prepared statement for each request, JSON.stringify. No GraphQL; the operation's name selects the statement.
import { createServer } from 'node:http'
import { createDeployment, findDeploymentWithModels, listDeployments, listDeploymentsWithModels } from './rows.mjs'
import { announce, decodeId, encodeId, endpointOf, nameTaken, toPage, toRow } from './shared.mjs'

const toDeployment = ({ id, name, description, status, stage, progress, createdAt, updatedAt }) => ({
  id: encodeId('Deployment', id),
  name,
  description,
  status,
  stage,
  progress,
  createdAt,
  updatedAt,
})

const toNode = (row) => ({
  ...toDeployment(row),
  acousticModel: { id: encodeId('AcousticModel', row.acousticModelId), name: row.acousticName, scenario: row.acousticScenario },
  languageModel: { id: encodeId('LanguageModel', row.languageModelId), name: row.languageName, scenario: row.languageScenario },
  endpoint: endpointOf(row, row.acousticScenario),
})

async function list(rows, size, toNode) {
  const { nodes, pageInfo } = toPage(await rows, size)
  return { deployments: { nodes: nodes.map(toNode), pageInfo } }
}

const operations = {
  List20: (workspace) => list(listDeployments(workspace, 21), 20, toDeployment),
  List50: (workspace) => list(listDeploymentsWithModels(workspace, 51), 50, toNode),
  Single: async (workspace, { id }) => {
    const [row] = await findDeploymentWithModels(workspace, decodeId(id))
    return { deployment: row ? toNode(row) : null }
  },
  Create: async (workspace, { input }) => {
    const row = await createDeployment(workspace, toRow(input))
    if (!row) return { createDeployment: { message: nameTaken } }
    return { createDeployment: { deployment: { id: encodeId('Deployment', row.id), status: row.status } } }
  },
}

const server = createServer((request, response) => {
  let text = ''
  request.on('data', (chunk) => {
    text += chunk
  })
  request.on('end', async () => {
    const { operationName, variables } = JSON.parse(text)
    try {
      const body = JSON.stringify({ data: await operations[operationName](request.headers['x-workspace'], variables) })
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
    } catch (error) {
      console.error(error)
      response.writeHead(500).end()
    }
  })
})
server.listen(0, '127.0.0.1', () => announce(server.address().port))
