// Preloaded into a server under attack: answers on a socket how long its event loop was held up since the last question.
import { createServer } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const everyMs = 5
const delays = monitorEventLoopDelay({ resolution: everyMs })
delays.enable()
let [longest, peak] = [0, 0]
let before = process.threadCpuUsage()
// Time of the processor that the thread takes between two turns of a timer does not count what other processes take.
setInterval(() => {
  const { user, system } = process.threadCpuUsage(before)
  before = process.threadCpuUsage()
  longest = Math.max(longest, (user + system) / 1000)
  peak = Math.max(peak, process.memoryUsage.rss() / 2 ** 20)
}, everyMs).unref()
createServer((_, response) => {
  const [p99, max] = [delays.percentile(99) / 1e6 - everyMs, delays.max / 1e6 - everyMs]
  response.end(JSON.stringify({ p99, max, busy: longest, memoryMb: peak }))
  delays.reset()
  longest = peak = 0
  before = process.threadCpuUsage()
})
  .listen(process.env.WATCH_LOOP)
  .unref()
