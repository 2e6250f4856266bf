// mercurius with its JIT.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { resolvers, toContext, typeDefs } from './schema.mjs'
import { announce } from './shared.mjs'

const app = Fastify()
app.register(mercurius, { schema: typeDefs, resolvers, jit: 1, context: toContext })
await app.listen({ port: 0, host: '127.0.0.1' })
announce(app.server.address().port)
