// Apollo Server 5 with its defaults.
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { resolvers, toContext, typeDefs } from './schema.mjs'
import { announce } from './shared.mjs'

const server = new ApolloServer({ typeDefs, resolvers })
const { url } = await startStandaloneServer(server, {
  listen: { port: 0, host: '127.0.0.1' },
  context: async ({ req }) => toContext(req),
})
announce(new URL(url).port)
