#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one gets a sentence and not a syntax error.
const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  console.error(
    `custom-speech needs Node 24 or newer; this is Node ${process.versions.node}. ${process.platform === 'linux' ? 'Use "npm start": npm brought the right one along.' : 'Install it from nodejs.org, then start again.'}`,
  )
  process.exit(1)
}

const commands = { serve: './serve.ts', demo: './demo.ts', dev: './dev.ts', key: './key.ts' }
const command = process.argv[2] ?? 'serve'
if (!Object.hasOwn(commands, command)) {
  console.error(`There is no command "${command}". There are: ${Object.keys(commands).join(', ')}.`)
  process.exit(1)
}
await import(commands[command]).catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  console.error(`Something that custom-speech needs is not installed (${error.message.split(' imported')[0]}). Run "npm ci" first.`)
  process.exit(1)
})
