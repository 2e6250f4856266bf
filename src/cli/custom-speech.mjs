#!/usr/bin/env node
// Plain JavaScript without new syntax, so that an old Node prints a message and not a syntax error.
import { existsSync, readFileSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

const commands = {
  serve: { file: './serve.ts', summary: 'Start the server: API, dashboard and endpoints. The default.' },
  demo: { file: './demo.ts', summary: 'Create a deployment and transcribe recordings with it, on the running server or a temporary one.' },
  'key reset': { file: './key.ts', summary: 'Create a new bootstrap key after the old one is lost. Needs the database, but no running server.' },
  migrate: { file: './migrate.ts', summary: 'Migrate the database for this version, without a time limit. A start does the same.' },
  backup: {
    file: './backup.ts',
    argument: 'FILE',
    options: ['--force'],
    summary: 'Write the whole database into a file, or to the standard output for "-". The server can be running.',
    details: 'An existing file is replaced only with --force.',
  },
  restore: { file: './restore.ts', argument: 'FILE', summary: 'Restore a backup into an empty database.' },
  verify: { file: './verify.ts', argument: 'FILE', summary: 'Read a backup to its end and compare its checksums. Needs no database.' },
  dev: { file: './dev.ts', summary: 'Start the server and the dashboard with hot reload, to develop custom-speech.' },
  help: { summary: 'Show this text, or the description of a command: help serve.' },
}

const scripts = { serve: 'npm start', demo: 'npm run demo', dev: 'npm run dev' }
const settings = 'Settings come from the environment, such as PORT=5000. docs/operations.md lists them under "Settings".'

/** Prints a problem and exits with 2. */
function refuse(problem) {
  console.error(`${problem}\n"custom-speech help" lists the commands.`)
  process.exit(2)
}

const callOf = (name) => [name, commands[name].argument].filter(Boolean).join(' ')

function describe(name) {
  if (name) {
    const { summary, details, options: allowed = [] } = commands[name]
    const usage = [callOf(name), ...allowed.map((option) => `[${option}]`)].join(' ')
    const text = details ? `${summary} ${details}` : summary
    return `${text}\n\nUsage: custom-speech ${usage}${scripts[name] ? `, or ${scripts[name]}` : ''}\n\n${settings}\n"custom-speech help" lists all commands.`
  }
  const width = Math.max(...Object.keys(commands).map((each) => callOf(each).length))
  const lines = Object.entries(commands).map(([each, { summary }]) => `  ${callOf(each).padEnd(width)}  ${summary}`)
  return `Usage: custom-speech [command]\n\n${lines.join('\n')}\n\n  --help, -h     Show this text, or the description of a command.\n  --version, -v  Show the version.\n\n${settings}`
}

const given = process.argv.slice(2)
const isOption = (argument) => argument.startsWith('-') && argument !== '-'
const options = given.filter(isOption)
const words = given.filter((argument) => !isOption(argument))
const isHelp = options.some((option) => option === '--help' || option === '-h')
const isVersion = options.some((option) => option === '--version' || option === '-v')
// A command can have more than one word.
const command = Object.keys(commands).find((name) => `${words.join(' ')} `.startsWith(`${name} `)) ?? (words.length ? undefined : isHelp ? 'help' : 'serve')
if (!command) refuse(`Unknown command "${words[0]}".`)
const others = words.slice(command.split(' ').length)

if (isVersion) {
  console.log(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version)
  process.exit(0)
}
if (isHelp || command === 'help') {
  const topic = command === 'help' ? others.join(' ') : command
  if (topic && !Object.hasOwn(commands, topic)) refuse(`Unknown command "${topic}".`)
  console.log(describe(topic === 'help' ? '' : topic))
  process.exit(0)
}
const { argument, options: allowed = [] } = commands[command]
if (argument && !others.length) refuse(`"${command}" needs the name of a file: custom-speech ${callOf(command)}`)
const unknown = [...options.filter((option) => !allowed.includes(option)), ...others.slice(argument ? 1 : 0)][0]
if (unknown !== undefined) {
  const name = unknown.replace(/^-+/, '').replace(/=.*/, '').replace(/-/g, '_').toUpperCase()
  refuse(
    `Unknown argument "${unknown}". ${unknown.startsWith('--') ? `Settings come from the environment: ${name}=… ${scripts[command] ?? `custom-speech ${callOf(command)}`}` : `"${command}" takes ${argument ? 'one argument' : 'no arguments'}.`}`,
  )
}
process.argv = [...process.argv.slice(0, 2), ...command.split(' '), ...others, ...options]

const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  console.error(
    `custom-speech needs Node 24 or newer; this is Node ${process.versions.node}. ${process.platform === 'linux' ? `Use "${scripts[command] ?? 'npm start'}": npm has installed the right version.` : 'Install it from nodejs.org, then start again.'}`,
  )
  process.exit(1)
}
await import(await findProgram()).catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  console.error(`A package that custom-speech needs is not installed (${error.message.split(' imported')[0]}). Run "npm ci" first.`)
  process.exit(1)
})

/** The command's file in the bundle of the present sources, or else its source. */
async function findProgram() {
  const { file } = commands[command]
  const { bundleDir, bundledCommands } = await import('./server-bundle.mjs')
  const name = file.replace(/^.*\/|\.ts$/g, '')
  const bundled = bundledCommands.includes(name) ? new URL(`${name}.js`, `${pathToFileURL(bundleDir())}/`) : undefined
  if (!bundled || !existsSync(bundled)) return file
  module.enableCompileCache(fileURLToPath(new URL('cache', bundled)))
  process.setSourceMapsEnabled(true)
  return bundled.href
}
