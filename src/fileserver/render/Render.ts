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

/** Renders texts in a thread of its own, which is started for the first one. */
class ThreadRenderer implements Renderer {
  private readonly timeout: number
  private readonly idle: number
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

  constructor(limits: RenderLimits) {
    this.timeout = limits.timeout ?? defaultTimeout
    this.idle = limits.idle ?? defaultIdle
    this.busyMillis = limits.busyMillis ?? busyMillisOf
  }

  readonly render: Renderer["render"] = (text, language, done) => {
    const giveEscaped = (): void =>
      done(language === undefined ? html`<pre tabindex="0">${text}</pre>` : html`${text}`)
    if (this.queue.length >= maxWaiting) return giveEscaped()
    this.queue.push({
      job: { id: this.ids++, text, language },
      done: (rendered) => (rendered === undefined ? giveEscaped() : done(sanitized(rendered))),
    })
    this.next()
  }

  private next(): void {
    if (this.current !== undefined) return
    clearTimeout(this.timer)
    this.current = this.queue.shift()
    if (this.current === undefined) {
      this.timer = setTimeout(() => this.end(), this.idle)
      this.timer.unref()
      return
    }
    this.worker ??= this.start()
    this.worker.postMessage(this.current.job)
    if (this.isReady) this.limitText(this.timeout, longest)
    else this.limit(longest, () => this.giveUp())
  }

  private settle(text: string | undefined): void {
    clearTimeout(this.timer)
    const done = this.current?.done
    this.current = undefined
    done?.(text)
    this.next()
  }

  private end(): void {
    const ended = this.worker
    this.worker = undefined
    void ended?.terminate()
  }

  private giveUp(): void {
    this.end()
    this.settle(undefined)
  }

  private limit(millis: number, onPassed: () => void): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(onPassed, millis)
  }

  /** Gives up the text once it has had its processor time, or `left` milliseconds have passed. */
  private limitText(millis: number, left: number): void {
    this.limit(Math.min(millis, left), () => {
      const { current, worker } = this
      if (worker === undefined || left <= millis) return this.giveUp()
      this.limit(left - millis, () => this.giveUp())
      const check = (busy: number): void => {
        if (this.current !== current || this.worker !== worker) return
        const unused = this.timeout - (busy - this.busyBefore)
        if (unused <= 0) this.giveUp()
        else this.limitText(Math.max(unused, leastWait), left - millis)
      }
      // It has ended, which is told by another event.
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
      if (this.current !== undefined) this.settle(undefined)
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
      this.limitText(this.timeout, longest)
    } else if (this.current.job.id === message.id) this.settle(message.html)
  }
}

/** Makes a renderer that has no thread yet. */
export const make = (limits: RenderLimits = {}): Renderer => new ThreadRenderer(limits)
