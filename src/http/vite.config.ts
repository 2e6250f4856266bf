import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const server = `http://127.0.0.1:${process.env['PORT'] ?? 4000}`

export default defineConfig({
  plugins: [react()],
  // Nothing is said of where it will lie: the server puts the way from the page to its root before each path.
  base: './',
  // Inlined assets are data: URLs, which our own content security policy forbids.
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: 'es2024' },
  // `npm run dev`: the page with hot reload from here, everything else from the server.
  server: {
    proxy: {
      '^/graphql(\\?|$)': { target: server, ws: true },
      '^/graphiql/': { target: server },
      '^/speech/recognition/': { target: server, ws: true },
      '^/session$': { target: server },
      '^/uploads(\\?|$)': { target: server },
    },
  },
})
