/**
 * What Node knows of its own process, as metrics with the names that
 * Prometheus' own clients use. Nothing is measured before the first question.
 */
import { readdirSync } from "node:fs"
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from "node:perf_hooks"
import type { Metric } from "./Metric.ts"

/** How often the event loop's delay is looked at once somebody has asked, in milliseconds. */
const delayResolution = 20

let delay: ReturnType<typeof monitorEventLoopDelay> | undefined
let before: EventLoopUtilization | undefined

const gauge = (name: string, help: string, value: number): Metric => ({
  type: "gauge",
  name,
  help,
  samples: [{ value }],
})

/** How many descriptors are open; only Linux says so. */
const openDescriptors = (): number | undefined => {
  try {
    return readdirSync("/proc/self/fd").length
  } catch {
    return undefined
  }
}

/** The event loop since the last question; how long it was late is known from the second one on. */
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
      help: "How late the event loop was since the last scrape.",
      samples,
    },
  ]
}

/** The process as it is now. */
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
    gauge("process_resident_memory_bytes", "What of the process is in memory.", rss),
    gauge(
      "process_start_time_seconds",
      "When the process began, since 1970.",
      Math.round(performance.timeOrigin) / 1000,
    ),
    ...(descriptors === undefined
      ? []
      : [gauge("process_open_fds", "Open file descriptors.", descriptors)]),
    gauge("nodejs_heap_size_total_bytes", "Size of the JavaScript heap.", heapTotal),
    gauge("nodejs_heap_size_used_bytes", "What of the JavaScript heap is used.", heapUsed),
    gauge("nodejs_external_memory_bytes", "Memory outside of the JavaScript heap.", external),
    gauge("nodejs_array_buffers_bytes", "Memory of buffers, which is external.", arrayBuffers),
    gauge(
      "nodejs_active_resources",
      "What keeps the event loop alive: sockets, timers, requests.",
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
