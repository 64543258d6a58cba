/**
 * Texts to be shown as pages: Markdown, and code with its parts told apart.
 * The work is done in a thread that is started when there is some, ended when
 * there has been none for a while, and given up when one text takes too long.
 */
import { Worker } from "node:worker_threads"
import { type Html, html, sanitized } from "../../web/Html.ts"
import type { Job, Rendered } from "./RenderWorker.ts"

/** The longest file that is shown as text, in bytes. */
export const maxSize = 1024 * 1024

/** How long one text may take, in milliseconds. */
const patience = 5_000
/** How long a thread without work stays, in milliseconds. */
const idle = 30_000
/** The most texts that wait; those beyond are shown as they are. */
const maxWaiting = 64
/** The most memory of the thread, in megabytes. */
const maxMemory = 256

// The thread runs the same kind of file as this one: .ts from source, .js once built.
const workerUrl = new URL(
  import.meta.url.endsWith(".ts") ? "./RenderWorker.ts" : "./RenderWorker.js",
  import.meta.url,
)

interface Waiting {
  readonly job: Job
  readonly done: (html: string | undefined) => void
}

/** Renders texts one after the other. */
export interface Renderer {
  /** Gives the sanitized HTML of a text, or its escaped self where that cannot be had. */
  readonly render: (
    text: string,
    language: string | undefined,
    done: (rendered: Html) => void,
  ) => void
}

/** Makes a renderer that has no thread yet. */
export const make = (
  limits: { readonly patience?: number; readonly idle?: number } = {},
): Renderer => {
  const queue: Array<Waiting> = []
  let current: Waiting | undefined
  let worker: Worker | undefined
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

  const start = (): Worker => {
    const started = new Worker(workerUrl, {
      resourceLimits: { maxOldGenerationSizeMb: maxMemory },
      stdout: false,
    })
    started.unref()
    started.on("message", ({ html, id }: Rendered) => {
      if (worker === started && current?.job.id === id) settle(html)
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
      timer = setTimeout(end, limits.idle ?? idle)
      timer.unref()
      return
    }
    worker ??= start()
    worker.postMessage(current.job)
    timer = setTimeout(() => {
      end()
      settle(undefined)
    }, limits.patience ?? patience)
  }

  return {
    render: (text, language, done) => {
      const plain = (): void =>
        done(language === undefined ? html`<pre tabindex="0">${text}</pre>` : html`${text}`)
      if (queue.length >= maxWaiting) return plain()
      queue.push({
        job: { id: ids++, text, language },
        done: (rendered) => (rendered === undefined ? plain() : done(sanitized(rendered))),
      })
      next()
    },
  }
}
