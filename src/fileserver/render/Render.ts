/**
 * Renders Markdown and highlights code in a worker thread. The thread is started
 * when needed, ended when it has been idle for a while, and terminated when a
 * text takes too long.
 */
import { Worker } from "node:worker_threads"
import { type Html, html, sanitized } from "../../web/Html.ts"
import type { Job, Ready, Rendered } from "./RenderWorker.ts"

/** The longest file that is shown as text, in bytes. */
export const maxSize = 1024 * 1024

/** How long one text may take, in milliseconds. */
const defaultTimeout = 5_000
/** How long the thread may take to start, which a busy machine makes slow, in milliseconds. */
const startTimeout = 30_000
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

/** Makes a renderer that has no thread yet. */
export const make = (
  limits: { readonly timeout?: number; readonly idle?: number } = {},
): Renderer => {
  const timeout = limits.timeout ?? defaultTimeout
  const queue: Array<QueuedJob> = []
  let current: QueuedJob | undefined
  let worker: Worker | undefined
  let isReady = false
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

  const limit = (millis: number): void => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      end()
      settle(undefined)
    }, millis)
  }

  const start = (): Worker => {
    isReady = false
    const started = new Worker(workerUrl, {
      resourceLimits: { maxOldGenerationSizeMb: maxMemory },
      stdout: false,
    })
    started.unref()
    started.on("message", (message: Rendered | Ready) => {
      if (worker !== started || current === undefined) return
      if (message === "ready") {
        isReady = true
        limit(timeout)
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
    limit(isReady ? timeout : startTimeout)
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
