/**
 * Metrics of the Node process, with the names that Prometheus' client
 * libraries use. Measuring the event loop's delay begins with the first read.
 */
import { readdirSync } from "node:fs"
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from "node:perf_hooks"
import type { Metric } from "./Metric.ts"

/** The sampling interval of the event loop's delay, in milliseconds. */
const delayResolution = 20

let delay: ReturnType<typeof monitorEventLoopDelay> | undefined
let before: EventLoopUtilization | undefined

const gauge = (name: string, help: string, value: number): Metric => ({
  type: "gauge",
  name,
  help,
  samples: [{ value }],
})

/** The number of open file descriptors; only Linux tells it. */
const openDescriptors = (): number | undefined => {
  try {
    return readdirSync("/proc/self/fd").length
  } catch {
    return undefined
  }
}

/** The event loop since the last read; its delay is known from the second read on. */
const eventLoop = (): ReadonlyArray<Metric> => {
  const now = performance.eventLoopUtilization()
  const { utilization } = performance.eventLoopUtilization(now, before)
  before = now
  const busy = gauge(
    "nodejs_eventloop_utilization",
    "Share of the time since the last scrape in which the event loop was busy.",
    utilization,
  )
  if (delay === undefined) {
    delay = monitorEventLoopDelay({ resolution: delayResolution })
    delay.enable()
    return [busy]
  }
  const late = delay.count === 0 ? () => 0 : (share: number) => delay?.percentile(share) ?? 0
  const samples = [50, 90, 99, 100].map((percent) => ({
    labels: { quantile: `${percent / 100}` },
    value: Math.max(0, late(percent) / 1e9 - delayResolution / 1e3),
  }))
  delay.reset()
  return [
    busy,
    {
      type: "gauge",
      name: "nodejs_eventloop_lag_seconds",
      help: "Delay of the event loop since the last scrape.",
      samples,
    },
  ]
}

/** The current metrics of the process. */
export const read = (): ReadonlyArray<Metric> => {
  const { user, system } = process.cpuUsage()
  const { arrayBuffers, external, heapTotal, heapUsed, rss } = process.memoryUsage()
  const descriptors = openDescriptors()
  return [
    {
      type: "counter",
      name: "process_cpu_seconds_total",
      help: "Processor time of the process.",
      samples: [{ value: (user + system) / 1e6 }],
    },
    gauge("process_resident_memory_bytes", "Resident memory of the process.", rss),
    gauge(
      "process_start_time_seconds",
      "Start time of the process in seconds since 1970.",
      Math.round(performance.timeOrigin) / 1000,
    ),
    ...(descriptors === undefined
      ? []
      : [gauge("process_open_fds", "Open file descriptors.", descriptors)]),
    gauge("nodejs_heap_size_total_bytes", "Size of the JavaScript heap.", heapTotal),
    gauge("nodejs_heap_size_used_bytes", "Used size of the JavaScript heap.", heapUsed),
    gauge("nodejs_external_memory_bytes", "Memory outside the JavaScript heap.", external),
    gauge(
      "nodejs_array_buffers_bytes",
      "Memory of buffers, a part of the external memory.",
      arrayBuffers,
    ),
    gauge(
      "nodejs_active_resources",
      "Sockets, timers and requests that keep the event loop alive.",
      process.getActiveResourcesInfo().length,
    ),
    ...eventLoop(),
    {
      type: "gauge",
      name: "nodejs_version_info",
      help: "The version of Node.",
      samples: [{ labels: { version: process.version }, value: 1 }],
    },
  ]
}
