// Loaded into a server with --import: answers on STALLS_PORT how long the event loop stood still since the last question.
import { createServer } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
const delays = monitorEventLoopDelay({ resolution: 1 })
delays.enable()
createServer((request, response) => {
  const stallMs = delays.max / 1e6
  if (request.url === '/memory') collect()
  const { heapUsed, external } = process.memoryUsage()
  response.end(JSON.stringify({ stallMs, megabytes: (heapUsed + external) / 2 ** 20 }))
  // After this answer, so that the collection counts for nothing.
  setTimeout(() => delays.reset(), 5)
}).listen(Number(process.env.STALLS_PORT), '127.0.0.1')
