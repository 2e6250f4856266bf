// The parts of the answers that are the same for all peers.
export const encodeId = (type, id) => Buffer.from(`${type}:${id}`).toString('base64')
export const decodeId = (id) => Buffer.from(id, 'base64').toString().split(':')[1]
const encodeCursor = (id) => Buffer.from(JSON.stringify([id])).toString('base64url')

const modes = { CONVERSATIONAL: 'conversation', SEARCH_AND_DICTATION: 'interactive' }

/** The endpoint of a deployment; null until the deployment is COMPLETE. */
export function endpointOf({ id, status }, scenario) {
  if (status !== 'COMPLETE') return null
  const httpUrl = `${process.env.PUBLIC_URL}/speech/recognition/${modes[scenario]}/cognitiveservices/v1?cid=${id}`
  return { httpUrl, webSocketUrl: httpUrl.replace(/^http/, 'ws') }
}

/** A page of rows of which one more than asked for was read. */
export function toPage(rows, size) {
  const nodes = rows.length > size ? rows.slice(0, size) : rows
  return { nodes, pageInfo: { hasNextPage: rows.length > size, endCursor: nodes.length ? encodeCursor(nodes.at(-1).id) : null } }
}

export const toRow = ({ name, locale, acousticModelId, languageModelId }) => ({
  name,
  locale,
  acousticModelId: decodeId(acousticModelId),
  languageModelId: decodeId(languageModelId),
})

export const nameTaken = 'A deployment with this name already exists.'

/** Says to the bench where the peer listens; the peer ends with the bench. */
export function announce(port) {
  process.on('disconnect', () => process.exit(0))
  process.send({ url: `http://127.0.0.1:${port}` })
}
