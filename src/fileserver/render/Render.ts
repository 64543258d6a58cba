/**
 * Renders Markdown and highlights code in a worker thread. The thread is started
 * when needed, ended when it has been idle for a while, and terminated when a
 * text takes too much time of the processor.
 */
import { Worker } from "node:worker_threads"
import { type Html, html, sanitized } from "../../web/Html.ts"
import type { Job, Ready, Rendered } from "./RenderWorker.ts"

/** The longest file that is shown as text, in bytes. */
export const maxSize = 1024 * 1024

/** How much processor time one text may take, in milliseconds: a busy machine does not use it up. */
const defaultTimeout = 5_000
/** How long the thread may take to start, and then for one text, however little processor time it gets, in milliseconds. */
const longest = 30_000
/** The time between two looks at the processor time of a text that takes long, in milliseconds. */
const leastWait = 100
/** How long an idle thread is kept, in milliseconds. */
const defaultIdle = 30_000
/** The most texts that wait; further ones are only escaped. */
const maxWaiting = 64
/** The memory limit of the thread, in megabytes. */
const maxMemory = 256

// Like this file: .ts from source, .js once built.
const workerUrl = new URL(
  import.meta.url.endsWith(".ts") ? "./RenderWorker.ts" : "./RenderWorker.js",
  import.meta.url,
)

interface QueuedJob {
  readonly job: Job
  readonly done: (html: string | undefined) => void
}

/** Renders texts one after the other. */
export interface Renderer {
  /** Gives the sanitized HTML of a text, or the escaped text if rendering fails. */
  readonly render: (
    text: string,
    language: string | undefined,
    done: (rendered: Html) => void,
  ) => void
}

/** What a renderer is limited to. */
export interface RenderLimits {
  /** How much processor time one text may take, in milliseconds. */
  readonly timeout?: number
  /** How long an idle thread is kept, in milliseconds. */
  readonly idle?: number
  /** The processor time of a thread so far, in milliseconds. */
  readonly busyMillis?: (worker: Worker) => Promise<number>
}

/** Node has it from 24.6 on; without it all time counts. */
const busyMillisOf = async (worker: Worker): Promise<number> => {
  const usage = await (worker as Partial<Worker>).cpuUsage?.call(worker)
  return usage === undefined ? Number.POSITIVE_INFINITY : (usage.user + usage.system) / 1_000
}

/** Makes a renderer that has no thread yet. */
export const make = (limits: RenderLimits = {}): Renderer => {
  const { busyMillis = busyMillisOf, timeout = defaultTimeout } = limits
  const queue: Array<QueuedJob> = []
  let current: QueuedJob | undefined
  let worker: Worker | undefined
  let isReady = false
  /** The processor time of the thread when its last text was done, in milliseconds. */
  let busyBefore = 0
  let timer: NodeJS.Timeout | undefined
  let ids = 0

  const settle = (text: string | undefined): void => {
    clearTimeout(timer)
    const done = current?.done
    current = undefined
    done?.(text)
    next()
  }

  const end = (): void => {
    const ended = worker
    worker = undefined
    void ended?.terminate()
  }

  const giveUp = (): void => {
    end()
    settle(undefined)
  }

  const limit = (millis: number, onPassed: () => void): void => {
    clearTimeout(timer)
    timer = setTimeout(onPassed, millis)
  }

  /** Gives up the text once it has had its processor time, or `left` milliseconds have passed. */
  const limitText = (millis: number, left: number): void =>
    limit(Math.min(millis, left), () => {
      const [checked, thread] = [current, worker]
      if (thread === undefined || left <= millis) return giveUp()
      limit(left - millis, giveUp)
      const check = (busy: number): void => {
        if (current !== checked || worker !== thread) return
        const rest = timeout - (busy - busyBefore)
        if (rest <= 0) giveUp()
        else limitText(Math.max(rest, leastWait), left - millis)
      }
      // It has ended, which is told by another event.
      busyMillis(thread).then(check, () => {})
    })

  const start = (): Worker => {
    isReady = false
    const started = new Worker(workerUrl, {
      resourceLimits: { maxOldGenerationSizeMb: maxMemory },
      stdout: false,
    })
    started.unref()
    started.on("message", (message: Rendered | Ready) => {
      if (worker !== started || current === undefined) return
      busyBefore = message.busyMillis
      if (!("id" in message)) {
        isReady = true
        limitText(timeout, longest)
      } else if (current.job.id === message.id) settle(message.html)
    })
    const over = (): void => {
      if (worker !== started) return
      worker = undefined
      if (current !== undefined) settle(undefined)
    }
    started.on("error", over)
    started.on("exit", over)
    return started
  }

  const next = (): void => {
    if (current !== undefined) return
    clearTimeout(timer)
    current = queue.shift()
    if (current === undefined) {
      timer = setTimeout(end, limits.idle ?? defaultIdle)
      timer.unref()
      return
    }
    worker ??= start()
    worker.postMessage(current.job)
    if (isReady) limitText(timeout, longest)
    else limit(longest, giveUp)
  }

  return {
    render: (text, language, done) => {
      const giveEscaped = (): void =>
        done(language === undefined ? html`<pre tabindex="0">${text}</pre>` : html`${text}`)
      if (queue.length >= maxWaiting) return giveEscaped()
      queue.push({
        job: { id: ids++, text, language },
        done: (rendered) => (rendered === undefined ? giveEscaped() : done(sanitized(rendered))),
      })
      next()
    },
  }
}
