import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { compactDocuments } from './compact-documents.ts'

const server = `http://127.0.0.1:${process.env['PORT'] ?? 4000}`

export default defineConfig({
  plugins: [react(), compactDocuments()],
  // The build does not depend on its URL: the server writes the relative path to the root into each page.
  base: './',
  // Inlined assets are data: URLs, which the content security policy forbids.
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: 'es2024' },
  // `npm run dev`: Vite serves the page with hot reload, the server everything else.
  server: {
    proxy: {
      '^/graphql(\\?|$)': { target: server, ws: true },
      '^/graphiql/': { target: server },
      '^/speech/recognition/': { target: server, ws: true },
      '^/session$': { target: server },
      '^/uploads(\\?|$)': { target: server },
      '^/test-sets/[^/]+/items/': { target: server },
    },
  },
})
