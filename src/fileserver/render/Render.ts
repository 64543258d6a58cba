/**
 * Renders Markdown and highlights code in a worker thread. The thread is started
 * when needed, ended when it has been idle for a while, and terminated when a
 * text takes too much time of the processor. What became of a text is remembered,
 * so that asking for the same one again and again costs nothing; not if the thread
 * did not start, or a busy machine gave it no time, which has nothing to do with
 * the text.
 */
import { createHash } from "node:crypto"
import { Worker } from "node:worker_threads"
import { BoundedMap } from "../../transport/runtime/BoundedMap.ts"
import { type Html, html, sanitized } from "../../web/Html.ts"
import type { Job, Ready, Rendered } from "./RenderWorker.ts"

/** The longest file that is shown as text, in bytes. */
export const maxSize = 1024 * 1024

/** How much processor time one text may take, in milliseconds: a busy machine does not use it up. */
const defaultTimeout = 5_000
/** How long the thread may take to start, and then for one text, however little processor time it gets, in milliseconds. */
const defaultLongest = 30_000
/** The time between two looks at the processor time of a text that takes long, in milliseconds. */
const leastWait = 100
/** How long an idle thread is kept, in milliseconds. */
const defaultIdle = 30_000
/** The most texts that wait; further ones are only escaped. */
const maxWaiting = 64
/** How long a text waits for others before it is only escaped, in milliseconds. */
const defaultPatience = 20_000
/** How much of what was rendered is remembered, in characters; of a text that was given up it is nothing. */
const maxRemembered = 8 * 1024 * 1024
/** The most texts that are remembered. */
const maxKnown = 1_000
/** The memory limit of the thread, in megabytes. */
const maxMemory = 256

// Like this file: .ts from source, .js once built.
const workerUrl = new URL(
  import.meta.url.endsWith(".ts") ? "./RenderWorker.ts" : "./RenderWorker.js",
  import.meta.url,
)

type Done = (html: string | undefined) => void

/** Whose fault it is that a text was not rendered: another try may help only if it is not that of the text. */
type Fault = "text" | "machine"

interface QueuedJob {
  readonly job: Job
  /** See {@link keyOf}. */
  readonly key: string
  /** When it began to wait for others, in milliseconds of a monotonic clock; infinite if it does not. */
  readonly since: number
  /** Who has asked for it. */
  readonly waiting: Array<Done>
}

/** The same for the same text in the same language. */
const keyOf = (text: string, language: string | undefined): string =>
  `${createHash("sha256").update(text).digest("base64")} ${language ?? ""}`

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
  /** How long the thread may take to start, and then for one text, in milliseconds. */
  readonly longest?: number
  /** How long an idle thread is kept, in milliseconds. */
  readonly idle?: number
  /** How long a text waits for others before it is only escaped, in milliseconds. */
  readonly patience?: number
  /** The processor time of a thread so far, in milliseconds. */
  readonly busyMillis?: (worker: Worker) => Promise<number>
}

/** Node has it from 24.6 on; without it all time counts. */
const busyMillisOf = async (worker: Worker): Promise<number> => {
  const usage = await (worker as Partial<Worker>).cpuUsage?.call(worker)
  return usage === undefined ? Number.POSITIVE_INFINITY : (usage.user + usage.system) / 1_000
}

/** Renders texts in a thread of its own, which is started for the first one. */
class ThreadRenderer implements Renderer {
  private readonly timeout: number
  private readonly longest: number
  private readonly idle: number
  private readonly patience: number
  private readonly busyMillis: (worker: Worker) => Promise<number>
  private readonly queue: Array<QueuedJob> = []
  private current: QueuedJob | undefined
  private worker: Worker | undefined
  /** Whether the thread has started. */
  private isReady = false
  /** The processor time of the thread when its last text was done, in milliseconds. */
  private busyBefore = 0
  private timer: NodeJS.Timeout | undefined
  private ids = 0
  /** What became of texts by their keys; `undefined` for those that were given up. */
  private readonly known = new BoundedMap<string, string | undefined>({
    sizeOf: (rendered) => rendered?.length ?? 0,
    maxSize: maxRemembered,
    maxCount: maxKnown,
  })

  constructor(limits: RenderLimits) {
    this.timeout = limits.timeout ?? defaultTimeout
    this.longest = limits.longest ?? defaultLongest
    this.idle = limits.idle ?? defaultIdle
    this.patience = limits.patience ?? defaultPatience
    this.busyMillis = limits.busyMillis ?? busyMillisOf
  }

  readonly render: Renderer["render"] = (text, language, done) => {
    const giveEscaped = (): void =>
      done(language === undefined ? html`<pre tabindex="0">${text}</pre>` : html`${text}`)
    const give: Done = (rendered) =>
      rendered === undefined ? giveEscaped() : done(sanitized(rendered))
    const key = keyOf(text, language)
    if (this.known.has(key)) return give(this.known.get(key))
    const jobs = this.current === undefined ? this.queue : [this.current, ...this.queue]
    if (jobs.reduce((count, { waiting }) => count + waiting.length, 0) > maxWaiting)
      return giveEscaped()
    const same = jobs.find((job) => job.key === key)
    if (same !== undefined) return void same.waiting.push(give)
    const job = { id: this.ids++, text, language }
    const since = this.current === undefined ? Number.POSITIVE_INFINITY : performance.now()
    this.queue.push({ job, key, since, waiting: [give] })
    this.next()
  }

  private next(): void {
    if (this.current !== undefined) return
    clearTimeout(this.timer)
    this.current = this.nextInTime()
    if (this.current === undefined) {
      this.timer = setTimeout(() => {
        this.end()
        // What was rendered, but not which texts were given up.
        this.known.deleteAll((rendered) => rendered !== undefined)
      }, this.idle)
      this.timer.unref()
      return
    }
    this.worker ??= this.start()
    this.worker.postMessage(this.current.job)
    if (this.isReady) this.limitText(this.timeout, this.longest)
    else this.limit(this.longest, () => this.giveUp("machine"))
  }

  /** The text that waits for the longest time; those that have waited for too long are only escaped. */
  private nextInTime(): QueuedJob | undefined {
    for (let job = this.queue.shift(); job !== undefined; job = this.queue.shift()) {
      if (performance.now() - job.since <= this.patience) return job
      for (const done of job.waiting) done(undefined)
    }
    return undefined
  }

  private settle(text: string | undefined, fault: Fault = "text"): void {
    clearTimeout(this.timer)
    const { current } = this
    this.current = undefined
    if (current !== undefined) {
      if (fault === "text") this.known.set(current.key, text)
      for (const done of current.waiting) done(text)
    }
    this.next()
  }

  private end(): void {
    const ended = this.worker
    this.worker = undefined
    void ended?.terminate()
  }

  private giveUp(fault: Fault): void {
    this.end()
    this.settle(undefined, fault)
  }

  private limit(millis: number, onPassed: () => void): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(onPassed, millis)
  }

  /** Gives up the text once it has had its processor time, or `remaining` milliseconds have passed. */
  private limitText(millis: number, remaining: number): void {
    this.limit(Math.min(millis, remaining), () => {
      const { current, worker } = this
      if (worker === undefined || remaining <= millis) return this.giveUp("machine")
      this.limit(remaining - millis, () => this.giveUp("machine"))
      const check = (busy: number): void => {
        if (this.current !== current || this.worker !== worker) return
        const unused = this.timeout - (busy - this.busyBefore)
        if (unused <= 0) this.giveUp("text")
        else this.limitText(Math.max(unused, leastWait), remaining - millis)
      }
      // It has ended, which another event reports.
      this.busyMillis(worker).then(check, () => {})
    })
  }

  private start(): Worker {
    this.isReady = false
    const worker = new Worker(workerUrl, {
      resourceLimits: { maxOldGenerationSizeMb: maxMemory },
      stdout: false,
    })
    worker.unref()
    worker.on("message", (message: Rendered | Ready) => {
      if (this.worker === worker) this.received(message)
    })
    const onEnd = (): void => {
      if (this.worker !== worker) return
      this.worker = undefined
      if (this.current !== undefined) this.settle(undefined, this.isReady ? "text" : "machine")
    }
    worker.on("error", onEnd)
    worker.on("exit", onEnd)
    return worker
  }

  private received(message: Rendered | Ready): void {
    if (this.current === undefined) return
    this.busyBefore = message.busyMillis
    if (!("id" in message)) {
      this.isReady = true
      this.limitText(this.timeout, this.longest)
    } else if (this.current.job.id === message.id) this.settle(message.html)
  }
}

/** Makes a renderer that has no thread yet. */
export const make = (limits: RenderLimits = {}): Renderer => new ThreadRenderer(limits)
