// Loaded into the server by bench/start.ts, and into npm, so plain JavaScript. The command `serve` listens for SIGINT as soon as its imports are done.
import { writeFileSync } from 'node:fs'

const file = process.env['START_CLOCK']
if (file && process.argv[1]?.endsWith('custom-speech.mjs')) {
  const note = (event) => {
    if (event !== 'SIGINT') return
    process.off('newListener', note)
    writeFileSync(file, JSON.stringify({ node: performance.timeOrigin, imported: performance.timeOrigin + performance.now() }))
  }
  process.on('newListener', note)
}
