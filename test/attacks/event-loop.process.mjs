// Loaded into a server under attack with --import. The socket at WATCH_LOOP answers with the event loop's delays since
// the last request; the path /heap also collects garbage and adds the memory that stays in use.
import { createServer } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const resolutionMs = 1
const everyMs = 5
const delays = monitorEventLoopDelay({ resolution: resolutionMs })
delays.enable()
let [longest, peak] = [0, 0]
let before = process.threadCpuUsage()
// The processor time of the thread between two runs of a timer leaves out the time of other processes.
setInterval(() => {
  const { user, system } = process.threadCpuUsage(before)
  before = process.threadCpuUsage()
  longest = Math.max(longest, (user + system) / 1000)
  peak = Math.max(peak, process.memoryUsage.rss() / 2 ** 20)
}, everyMs).unref()

function collectedHeapMb() {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}

function reset() {
  delays.reset()
  longest = peak = 0
  before = process.threadCpuUsage()
}

createServer((request, response) => {
  const [p99, max] = [delays.percentile(99) / 1e6 - resolutionMs, delays.max / 1e6 - resolutionMs]
  const figures = { p99, max, busy: longest, memoryMb: peak }
  if (request.url !== '/heap') {
    response.end(JSON.stringify(figures))
    reset()
    return
  }
  response.end(JSON.stringify({ ...figures, heapMb: collectedHeapMb() }))
  // The delay by the collection itself is recorded after this answer.
  setTimeout(reset, everyMs)
})
  .listen(process.env.WATCH_LOOP)
  .unref()
